/*
 * event_ids.h - MESSAGE_ID of the events that an operator acts on.
 *
 * For "journalctl MESSAGE_ID=..." and what watches the journal: never change
 * one, never use one twice.  deploy/systemd/syncup.catalog says what to do
 * about each; tests/checks/units.sh compares both.
 */
#ifndef SUPERVISOR_REPORT_EVENT_IDS_H
#define SUPERVISOR_REPORT_EVENT_IDS_H

#define EVENT_ID_STARTED "bf2bbe56f6e74f2fd65725abf7afbc94"
#define EVENT_ID_CONTINUED "b9be233857b15b1019dabbc09fd43867"
#define EVENT_ID_MARGIN_LOW "d53bbd6f95f1591781e18b9971c9f220"
#define EVENT_ID_TURNING "841a62ecc0e769a8b17a35c2f6ac9897"
#define EVENT_ID_STEP_FAILED "731e3b242f5bb591348646fb10feb8af"
#define EVENT_ID_NEEDS_PERSON "722ae09727dbdfc8b4dc3f9aead79f9d"
#define EVENT_ID_TURNED_BACK "42ec36cff4605441b9d6ca3ee56bf207"
#define EVENT_ID_DONE "4584aaa9764b595adfdf3ceb4e80e07b"
#define EVENT_ID_REFUSED "2fa2f5771bcd84eea7b5aa31545534f8"
#define EVENT_ID_HELD "e353148e04262595f3701a3d9e296c50"
#define EVENT_ID_JOURNAL "ca29970b6df7a7baaf4ddf27f7443910"
#define EVENT_ID_STORAGE "ef658c304313cd78c61d2d4396781565"
#define EVENT_ID_GIVEN_UP "725293302c0d40c2be51f6d51586b404"

#endif
