/* version.h - ours. */
#ifndef SUPERVISOR_VERSION_H
#define SUPERVISOR_VERSION_H

#ifndef SYNCUP_VERSION /* set by the build */
#define SYNCUP_VERSION "0.0.0"
#endif

#endif
