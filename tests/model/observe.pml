/*
 * observe.pml - what the steps say: supervisor/steps, kind by kind.
 */
#define V_REACHED 0
#define V_NOT_YET 1
#define V_AGAIN 2
#define V_FAILED 3
#define V_UNDONE 4
#define V_UNKNOWN 5
#define V_BLOCKED 6

hidden byte view;

/* "leaving" and "landing" of the stages that go back. */
#define LEAVING (turned && NEW_BEGAN)
#define LANDING (turned && !NEW_BEGAN)

/* stop_of(): this stop gave this very process its signal. */
#define SIGNALLED_BY(s, p) (GET(s, STATUS) != ABSENT && \
	GET(s, INTENTS) > 0 && !GET(s, FAILED_LAST) && \
	SAW(s) == life[p])
#define SIGNALLED(p) (SIGNALLED_BY(FORWARD(S_STOP, p), p) || \
	SIGNALLED_BY(BACK(S_STOP, p), p))

/* The attempt that a start's last intent wrote into the run file. */
#define ATTEMPT(s) (turned * 8 + GET(s, INTENTS))

/* The digest of the saved copy is in the journal, and the metadata has it. */
#define DIGEST_KNOWN (BEGAN(FORWARD(S_SAVE, 0)) && \
	GET(FORWARD(S_SAVE, 0), STATUS) != INTENT && \
	GET(FORWARD(S_SAVE, 0), DONE_AT))
#define SAME_METADATA (copy && format == 0 && !moved)
#define RAN_ON_NEW(p) (GET(FORWARD(S_START, p), SAW_RUNNING) || \
	GET(BACK(B_PAUSE, p), INTENTS) > 0)
/* is_outdated() */
#define OUTDATED (!DIGEST_KNOWN || RESUME_BEGAN || \
	RAN_ON_NEW(0) || RAN_ON_NEW(1))
#define MAY_RESTORE (consent || restore)

/* paused(), silent_process() */
inline see_paused(s, p)
{
	if
	:: phase[p] == DOWN && (LEAVING || GET(s, HOW) != NONE) ->
		view = V_REACHED
	:: phase[p] <= STARTING && !(phase[p] == DOWN &&
			(LEAVING || GET(s, HOW) != NONE)) ->
		if
		:: LEAVING && GET(FORWARD(S_START, p), STATUS) != DONE ->
			view = V_REACHED
		:: else -> view = V_UNKNOWN
		fi
	:: phase[p] == PAUSED -> view = V_REACHED
	:: phase[p] == RUNNING ->
		if
		/* never_landed(): it had all its patience */
		:: LANDING && pausing[p] == 0 -> view = V_REACHED
		:: else -> view = V_NOT_YET
		fi
	fi
}

/* gone() */
inline see_gone(s, p)
{
	if
	:: !IS_UP(p) -> view = V_REACHED
	:: else ->
		if
		:: GET(s, STATUS) != INTENT && SIGNALLED(p) -> view = V_UNKNOWN
		:: GET(s, STATUS) != INTENT && !SIGNALLED(p) -> view = V_NOT_YET
		:: GET(s, STATUS) == INTENT && SAW(s) != life[p] ->
			view = V_AGAIN
		:: GET(s, STATUS) == INTENT && SAW(s) == life[p] ->
			view = V_NOT_YET
		fi
	fi
}

/* up(), up_gone(), wrong_version(), up_phase() */
inline see_up(s, p)
{
	if
	:: !IS_UP(p) ->
		if
		:: GET(s, STATUS) != INTENT -> view = V_NOT_YET
		:: GET(s, STATUS) == INTENT && attempt[p] != ATTEMPT(s) ->
			view = V_AGAIN
		:: GET(s, STATUS) == INTENT && attempt[p] == ATTEMPT(s) ->
			view = V_FAILED
		fi
	:: IS_UP(p) && SIGNALLED(p) && ending[p] -> view = V_UNKNOWN
	:: else ->
		if
		:: version_new[p] == turned ->
			if
			:: GET(s, STATUS) == INTENT && locked[p] &&
				attempt[p] == ATTEMPT(s) -> view = V_FAILED
			:: else -> view = V_UNDONE
			fi
		:: else ->
			if
			:: phase[p] == STARTING -> view = V_UNKNOWN
			:: else -> view = V_REACHED
			fi
		fi
	fi
}

/* paused_by_us() */
#define PAUSED_BY_US(p) \
	((BEGAN(FORWARD(S_PAUSE, p)) && OURS(FORWARD(S_PAUSE, p))) || \
	(BEGAN(BACK(B_PAUSE, p)) && OURS(BACK(B_PAUSE, p))))

/* resumed(), silent_resumed() */
inline see_resumed(s, p)
{
	if
	:: !PAUSED_BY_US(p) && mistake != RESUME_FOUND ->
		if
		:: phase[p] == DOWN && mistake != NOT_OURS_NOT_LOOKED_AT ->
			view = V_UNDONE
		:: else -> view = V_REACHED
		fi
	:: else ->
		if
		:: phase[p] == DOWN -> view = V_UNDONE
		:: phase[p] == STARTING -> view = V_UNKNOWN
		:: phase[p] == RUNNING -> view = V_REACHED
		:: phase[p] == PAUSED && GET(s, DONE_AT) -> view = V_REACHED
		:: phase[p] == PAUSED && !GET(s, DONE_AT) -> view = V_NOT_YET
		fi
	fi
}

/* see_saved(), copy_checked(): there may be no other copy than of the old. */
#define TOO_LATE (REACHED_(FORWARD(S_START, 0)) || \
	REACHED_(FORWARD(S_START, 1)) || \
	(REACHED_(FORWARD(S_ACTIVATE, 0)) && link != HOLD))

inline see_saved(s)
{
	if
	:: GET(s, INTENTS) == 0 && TOO_LATE -> view = V_REACHED
	:: GET(s, INTENTS) == 0 && !TOO_LATE -> view = V_NOT_YET
	:: GET(s, INTENTS) > 0 && !copy && TOO_LATE -> view = V_BLOCKED
	:: GET(s, INTENTS) > 0 && !copy && !TOO_LATE -> view = V_AGAIN
	:: GET(s, INTENTS) > 0 && copy && TOO_LATE -> view = V_REACHED
	:: GET(s, INTENTS) > 0 && copy && !TOO_LATE ->
		if
		:: SAME_METADATA -> view = V_REACHED
		:: else -> view = V_AGAIN
		fi
	fi
}

/* put_back_compared() */
inline see_put_back()
{
	if
	:: BEGAN(BACK(S_START, 0)) || BEGAN(BACK(S_START, 1)) ||
		mistake == NO_PROOF -> view = V_REACHED
	:: else ->
		if
		:: DIGEST_KNOWN && SAME_METADATA -> view = V_REACHED
		:: !(DIGEST_KNOWN && SAME_METADATA) && MAY_RESTORE ->
			view = V_NOT_YET
		:: else -> view = V_BLOCKED
		fi
	fi
}

#define YES(condition) \
	if \
	:: condition -> view = V_REACHED \
	:: else -> view = V_NOT_YET \
	fi

inline observe(stage_, p)
{
	if
	:: stage_ == (turned -> B_PAUSE : S_PAUSE) ->
		see_paused(HERE(stage_, p), p)
	:: stage_ == (turned -> B_HOLD : S_HOLD) -> YES(link == HOLD || mistake == NO_HOLD)
	:: stage_ == S_STOP -> see_gone(HERE(stage_, p), p)
	:: stage_ == S_SAVE && !turned -> see_saved(HERE(stage_, p))
	:: stage_ == B_PUT_BACK && turned -> see_put_back()
	:: stage_ == S_ACTIVATE -> YES(link == (turned -> OLD : NEW))
	:: stage_ == S_START -> see_up(HERE(stage_, p), p)
	:: stage_ == S_RESUME -> see_resumed(HERE(stage_, p), p)
	:: stage_ == S_RELEASE -> YES(released)
	fi
}

/* stoppable() */
inline can_stop(p)
{
	if
	:: phase[p] <= STARTING ->
		if
		:: LEAVING && GET(FORWARD(S_START, p), STATUS) != DONE ->
			view = V_REACHED
		:: else -> view = V_UNKNOWN
		fi
	:: phase[p] == PAUSED -> view = V_REACHED
	:: phase[p] == RUNNING -> view = V_UNDONE
	fi
}

/* see_all_gone() */
inline all_gone()
{
	if
	:: IS_UP(0) || IS_UP(1) -> view = V_UNDONE
	:: else -> view = V_REACHED
	fi
}

/* can_put_back() */
inline can_put_back()
{
	if
	:: OUTDATED -> view = V_BLOCKED
	:: else -> all_gone()
	fi
}

inline guard(stage_, p)
{
	if
	:: stage_ == S_STOP -> can_stop(p)
	:: stage_ == S_SAVE && !turned -> all_gone()
	:: stage_ == B_PUT_BACK && turned -> can_put_back()
	:: else -> view = V_REACHED
	fi
}
