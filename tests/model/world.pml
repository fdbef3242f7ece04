/*
 * world.pml - what syncup does not rule: the processes, the link, the metadata.
 */
#define DOWN 0
#define STARTING 1 /* its API is silent */
#define PAUSED 2
#define RUNNING 3

#define OLD 0
#define HOLD 1
#define NEW 2

#define GOOD 0
#define REFUSES 1 /* the metadata; changes nothing */
#define DIES 2 /* in the middle of migrating, each time */
#define DIES_ONCE 3

byte phase[2]; /* of the two processes */
bit version_new[2];
byte life[2]; /* pid and start time: which start of it this is */
bit persisted_running[2]; /* as what it comes up */
byte pausing[2]; /* requests under way, or accepted and not yet carried out */
bit resuming[2];
bit ending[2]; /* it has had its stop signal */
byte attempt[2]; /* in its run file, which outlives it */
bit locked[2]; /* the run file speaks of the process that runs */
bit may_restart[2]; /* a unit, or a person, wants it up */

byte link = OLD;
byte format; /* of the metadata: 0 old, 1 half migrated, 2 new */
bit moved; /* a sync has written to it since the copy was made */
bit copy; /* there is a whole one */
bit released; /* no claims are left */
byte put_back_from; /* 1: the copy is being put back */

byte new_is;
bit consent; /* on_failure: restore */
bit planned_running[2];
bit stays_paused[2];
bit excused[2]; /* it ended when nobody had to look any more */

byte kills;
byte deaths;
byte lost;
byte asks;
byte restarts;
byte runs; /* "syncup run" typed where it says that it is of no use */
bit file, file_restore; /* the request that rollback leaves */

#define IS_UP(p) (phase[p] != DOWN)
#define IN_FLIGHT(p) (pausing[p] || resuming[p] || ending[p])

inline begin_world()
{
	phase[0] = RUNNING;
	persisted_running[0] = 1;
	planned_running[0] = 1;
	if
	:: phase[1] = RUNNING; planned_running[1] = 1; persisted_running[1] = 1
	:: phase[1] = PAUSED; stays_paused[1] = 1 /* before the plan */
	:: phase[1] = PAUSED; stays_paused[1] = 1; /* and after it */
		planned_running[1] = 1
	fi;
	if
	:: new_is = GOOD
	:: new_is = REFUSES
	:: new_is = DIES
	:: new_is = DIES_ONCE
	fi;
	if
	:: consent = 1
	:: consent = 0
	fi
}

/* Whatever started it, it came through the link. */
inline come_up(p)
{
	assert(!IS_UP(p) && link != HOLD);
	life[p] = (life[p] + 1) & 7;
	version_new[p] = (link == NEW);
	printf("    process %d comes up, new=%d\n", p, version_new[p]);
	assert(!IS_UP(1 - p) || version_new[1 - p] == version_new[p]);
	assert(put_back_from == 0);
	phase[p] = STARTING;
	may_restart[p] = 0;
	excused[p] = 0
}

/* The step that is the last to look at it is done. */
#define LAST_LOOK(p) (GET(HERE(S_RELEASE, 0), STATUS) != PENDING || \
	(GET(HERE(S_RESUME, p), STATUS) == DONE) || \
	(GET(HERE(S_RESUME, p), STATUS) == ABSENT && \
		(GET(HERE(S_START, p), STATUS) == DONE || \
		GET(HERE(S_START, p), STATUS) == ABSENT)))

inline go_down(p)
{
	printf("    process %d goes down\n", p);
	phase[p] = DOWN;
	pausing[p] = 0;
	resuming[p] = 0;
	ending[p] = 0;
	locked[p] = 0;
	may_restart[p] = 1;
	if
	:: LAST_LOOK(p) -> excused[p] = 1
	:: else
	fi
}

/* A process that is in no course of ours to be started: see the README's limit,
 * one that ends before or during pause is waited for. */
#define NOT_OURS_TO_START(p) (GET(FORWARD(S_STOP, p), STATUS) == PENDING && \
	GET(BACK(S_START, p), STATUS) == ABSENT)

inline come_to_life(p)
{
	if
	:: persisted_running[p] -> phase[p] = RUNNING; moved = 1
	:: else -> phase[p] = PAUSED
	fi;
	printf("    process %d answers, phase %d\n", p, phase[p])
}

proctype process(byte p)
{
end:	do
	/* Requests are carried out in their order. */
	:: atomic {
		pausing[p] > 0 && phase[p] > STARTING ->
		pausing[p]--;
		phase[p] = PAUSED;
		persisted_running[p] = 0;
		printf("    process %d is PAUSED\n", p);
		poke()
	}
	:: atomic {
		resuming[p] && pausing[p] == 0 ->
		assert(phase[p] == PAUSED); /* else older versions crash */
		resuming[p] = 0;
		phase[p] = RUNNING;
		persisted_running[p] = 1;
		printf("    process %d is RUNNING\n", p);
		moved = 1;
		poke()
	}
	:: atomic { ending[p] -> go_down(p); poke() }
	:: atomic {
		phase[p] == STARTING && !ending[p] ->
		if
		:: !version_new[p] ->
			assert(format == 0); /* would not understand it */
			come_to_life(p)
		:: version_new[p] && new_is == REFUSES -> go_down(p)
		:: version_new[p] && new_is >= DIES ->
			format = 1;
			if
			:: new_is == DIES_ONCE -> new_is = GOOD
			:: else
			fi;
			go_down(p)
		:: version_new[p] && new_is == GOOD ->
			if
			:: format < 2 -> format++
			:: else -> come_to_life(p)
			fi
		fi;
		poke()
	}
	/* Ends by itself; a request to it is lost with it. */
	:: atomic {
		deaths > 0 && IS_UP(p) ->
		deaths--;
		go_down(p);
		poke()
	}
	/* A unit or a person starts it. */
	:: atomic {
		!IS_UP(p) && may_restart[p] && link == HOLD && restarts > 0 ->
		may_restart[p] = 0; /* refused, and not tried again */
		restarts--
	}
	:: atomic {
		!IS_UP(p) && may_restart[p] && link != HOLD && restarts > 0 ->
		restarts--;
		come_up(p);
		poke()
	}
	:: atomic {
		!IS_UP(p) && may_restart[p] && link != HOLD && restarts == 0 &&
			NOT_OURS_TO_START(p) ->
		come_up(p);
		poke()
	}
	od
}
