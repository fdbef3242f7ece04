/*
 * journal.pml - what the journal says, folded as state/run_state.c folds it.
 *
 * A step is one word.  A power cut may lose any suffix of what was written since
 * the last sync, a torn line being one that is lost.  Where it will cut is
 * chosen when a record is written: from then on no sync comes to its end, so
 * that the cut is the next thing that matters.
 */
#define STATUS 0, 3 /* shift, mask */
#define HOW 2, 3
#define RECHECK 4, 1
#define INTENTS 5, 7
#define FAILURES 8, 3
#define FAILED_LAST 10, 1 /* failed_seq is the last intent's */
#define DONE_AT 11, 1
#define REOPENED 12, 3
#define SAW_RUNNING 14, 1

#define PENDING 0
#define INTENT 1
#define DONE 2
#define ABSENT 3 /* the course has no such step */

#define NONE 0
#define ACTED 1
#define FOUND 2
#define RECOVERED 3

#define SAW(s) saw[((s) >> 4) * 2 + ((s) & 1)]

#define GET_(s, shift, mask) ((step[s] >> shift) & mask)
#define GET(s, field) GET_(s, field)
#define SET_(s, shift, mask, value) \
	step[s] = (step[s] & ~(mask << shift)) | ((value) << shift)
#define SET(s, field, value) SET_(s, field, value)

/* Stages of the way forward; of the way back, where they differ. */
#define S_PAUSE 0
#define S_HOLD 1
#define S_STOP 2
#define S_SAVE 3
#define S_ACTIVATE 4
#define S_START 5
#define S_RESUME 6
#define S_RELEASE 7
#define B_HOLD 0
#define B_PAUSE 1
#define B_PUT_BACK 3
#define B_RESTORE 4
#define STAGES 8

#define AT(course, stage, slot) ((course) * 16 + (stage) * 2 + (slot))
#define FORWARD(stage, slot) AT(0, stage, slot)
#define BACK(stage, slot) AT(1, stage, slot)
#define HERE(stage, slot) AT(turned, stage, slot)

short step[32];
byte saw[4]; /* whom a stop is for: forward, forward, back, back */
bit turned;
bit request; /* an operator asked to go back */
bit restore; /* ... with --restore-metadata */

bit cut; /* the power cut that will come loses what is written now */
short kept[32]; /* ... and leaves this */
byte kept_saw[4];
bit kept_turned, kept_request, kept_restore;

byte hosts;
hidden byte i, n;

/* journal_append(): before each record, where a cut may come. */
inline append()
{
	if
	:: hosts > 0 && !cut ->
		cut = 1;
		printf("what follows is lost:\n");
		d_step {
			for (i : 0 .. 31) { kept[i] = step[i] };
			for (i : 0 .. 3) { kept_saw[i] = saw[i] };
			kept_turned = turned;
			kept_request = request;
			kept_restore = restore
		}
	:: true
	fi
}

#define NAME(at) (turned * 8 + (at))

inline lose_what_was_not_synced()
{
	if
	:: cut ->
		d_step {
			for (i : 0 .. 31) { step[i] = kept[i]; kept[i] = 0 };
			for (i : 0 .. 3) { saw[i] = kept_saw[i]; kept_saw[i] = 0 };
			turned = kept_turned;
			request = kept_request;
			restore = kept_restore;
			kept_turned = 0;
			kept_request = 0;
			kept_restore = 0;
			cut = 0
		}
	:: else
	fi
}

/* apply_intent() */
inline write_intent(s, whom)
{
	printf("intent %d %d\n", NAME(stage), s & 1);
	append();
	SET(s, STATUS, INTENT);
	SET(s, RECHECK, 0);
	SET(s, FAILED_LAST, 0);
	if
	:: stage == S_STOP -> SAW(s) = whom
	:: else
	fi;
	if
	:: GET(s, INTENTS) < 7 -> SET(s, INTENTS, GET(s, INTENTS) + 1)
	:: else
	fi
}

/* apply_done() */
inline write_done(s, how)
{
	printf("done %d %d\n", NAME(stage), s & 1);
	append();
	SET(s, STATUS, DONE);
	SET(s, RECHECK, 0);
	SET(s, FAILURES, 0);
	SET(s, DONE_AT, 1);
	if
	:: how != FOUND || GET(s, HOW) == NONE -> SET(s, HOW, how)
	:: else
	fi
}

/* apply_failed() */
inline write_failed(s)
{
	printf("failed %d %d\n", NAME(stage), s & 1);
	append();
	SET(s, FAILED_LAST, 1);
	if
	:: GET(s, FAILURES) < 3 -> SET(s, FAILURES, GET(s, FAILURES) + 1)
	:: else
	fi
}

/* apply_reopen() */
inline write_reopen(s, stage_of_it)
{
	printf("reopen %d %d\n", NAME(stage_of_it), s & 1);
	append();
	d_step {
		SET(s, STATUS, PENDING);
		if
		:: GET(s, REOPENED) < 3 ->
			SET(s, REOPENED, GET(s, REOPENED) + 1)
		:: else
		fi;
		for (i : HERE(stage_of_it, 0) + 2 .. HERE(STAGES - 1, 1)) {
			if
			:: GET(i, STATUS) == DONE -> SET(i, RECHECK, 1)
			:: else
			fi
		};
		i = 0
	}
}

#define BEGAN(s) (GET(s, STATUS) != ABSENT && GET(s, INTENTS) > 0)
#define REACHED_(s) (BEGAN(s) || GET(s, DONE_AT))
#define OPEN(s) (GET(s, STATUS) != ABSENT && \
	(GET(s, STATUS) != DONE || GET(s, RECHECK)))
/* run_step_ours() */
#define OURS(s) (GET(s, STATUS) != ABSENT && (GET(s, STATUS) == INTENT || \
	GET(s, HOW) == ACTED || GET(s, HOW) == RECOVERED))

/* plan/mongosync.c: new_version_began(); is_copy_true() asks for resume. */
#define NEW_BEGAN (REACHED_(FORWARD(S_START, 0)) || \
	REACHED_(FORWARD(S_START, 1)) || REACHED_(FORWARD(S_ACTIVATE, 0)))
#define RESUME_BEGAN \
	(BEGAN(FORWARD(S_RESUME, 0)) || BEGAN(FORWARD(S_RESUME, 1)))
#define HELD_BEGAN \
	(BEGAN(FORWARD(S_HOLD, 0)) || BEGAN(FORWARD(S_ACTIVATE, 0)))

inline absent(s) { SET(s, STATUS, ABSENT) }

/* forward_lane(): who was RUNNING when the plan was made is to be paused. */
inline begin_journal()
{
	d_step {
		for (i : 0 .. 31) { absent(i) }
		for (i : 0 .. 1) {
			SET(FORWARD(S_STOP, i), STATUS, PENDING);
			SET(FORWARD(S_START, i), STATUS, PENDING);
			if
			:: planned_running[i] ->
				SET(FORWARD(S_PAUSE, i), STATUS, PENDING);
				SET(FORWARD(S_RESUME, i), STATUS, PENDING)
			:: else
			fi
		}
		SET(FORWARD(S_HOLD, 0), STATUS, PENDING);
		SET(FORWARD(S_SAVE, 0), STATUS, PENDING);
		SET(FORWARD(S_ACTIVATE, 0), STATUS, PENDING);
		SET(FORWARD(S_RELEASE, 0), STATUS, PENDING)
	}
}

/* back(): one process's share.  wanted is an expression. */
#define TAKE(s, wanted) \
	if \
	:: wanted -> SET(s, STATUS, PENDING) \
	:: else -> SET(s, STATUS, ABSENT) \
	fi

/* was_gone() */
#define WAS_GONE(p) (GET(FORWARD(S_STOP, p), INTENTS) > 0 || \
	GET(FORWARD(S_STOP, p), STATUS) == DONE || \
	GET(FORWARD(S_STOP, p), REOPENED) > 0)

inline write_turn()
{
	printf("turn\n");
	d_step {
		turned = 1;
		TAKE(BACK(B_HOLD, 0), NEW_BEGAN);
		TAKE(BACK(B_PUT_BACK, 0), NEW_BEGAN &&
			BEGAN(FORWARD(S_SAVE, 0)));
		TAKE(BACK(B_RESTORE, 0), HELD_BEGAN);
		TAKE(BACK(S_RELEASE, 0), true);
		for (i : 0 .. 1) {
			TAKE(BACK(B_PAUSE, i), NEW_BEGAN ||
				(GET(FORWARD(S_PAUSE, i), STATUS) == INTENT &&
				mistake != NO_LANDING));
			TAKE(BACK(S_STOP, i), NEW_BEGAN);
			TAKE(BACK(S_START, i), WAS_GONE(i));
			TAKE(BACK(S_RESUME, i), BEGAN(FORWARD(S_PAUSE, i)) &&
				OURS(FORWARD(S_PAUSE, i)))
		};
		i = 0
	}
}
