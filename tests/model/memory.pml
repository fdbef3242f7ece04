/*
 * memory.pml - what ends with the supervisor: engine.h, struct work.
 */
#define M_NONE 0
#define M_LOOKING 1 /* LANE_RECHECKING */
#define M_WORK 2
#define M_PROVING 3
#define M_TURNING 4
#define M_ENDING 5

#define W_IDLE 0
#define W_LOOK 1
#define W_WAIT 2 /* nothing has changed since it looked */
#define W_GUARD 3
#define W_QUEUED 4
#define W_INTENDED 5 /* its INTENT is written */
#define W_DUE 6 /* and synced */
#define W_ACTING 7 /* the helper is asked */
#define W_OVER 8
#define W_LATE 9 /* a planted mistake: acted before its INTENT */

bit alive; /* the supervisor */
bit finished; /* the run has ended, and its record is on disk */
bit halted; /* it has ended with 6 or 7: a person looks first */
bit closed; /* with 7: the person decides */

byte mode;
byte stage;
byte wp[2]; /* works: of a process each, or one and none */
bit acted[2];
byte seen[2]; /* whom a stop is for */
bit fresh[2]; /* the world changed between look and guard */
byte flushing; /* 1: INTENTs are written, 2: they are on disk */
byte undone;
byte target; /* the one that is looked at again */
byte last[4]; /* stages to look at again, by target */

inline poke()
{
	if
	:: wp[0] == W_WAIT -> wp[0] = W_LOOK
	:: wp[0] == W_GUARD -> fresh[0] = 1
	:: else
	fi;
	if
	:: wp[1] == W_WAIT -> wp[1] = W_LOOK
	:: wp[1] == W_GUARD -> fresh[1] = 1
	:: else
	fi
}

/* lane_drop_work() */
inline idle()
{
	wp[0] = W_IDLE;
	wp[1] = W_IDLE;
	acted[0] = 0;
	acted[1] = 0;
	seen[0] = 0;
	seen[1] = 0;
	fresh[0] = 0;
	fresh[1] = 0;
	flushing = 0;
	target = 0;
	last[0] = 0;
	last[1] = 0;
	last[2] = 0;
	last[3] = 0
}

inline forget()
{
	idle();
	mode = M_NONE;
	stage = 0;
	undone = 0
}
