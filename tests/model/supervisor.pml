/*
 * supervisor.pml - the engine: supervisor/engine/{engine,lane,work}.c.
 *
 * Each atomic is what the code does between two points where it can be killed
 * or where the world can go on.  A work that waits is woken by the world
 * (poke), never by itself: so a cycle is a run that does not end.
 */
#define UNDONE_MOST 3 /* 50 in the code */
#define REOPENED_MOST 3

inline work_is_over(j)
{
	wp[j] = W_OVER;
	undone = 0;
	if
	:: wp[1 - j] == W_IDLE || wp[1 - j] == W_OVER -> advance()
	:: else
	fi
}

/* lane_advance() */
inline advance()
{
	d_step {
		idle();
		mode = M_WORK;
		stage = 0;
		do
		:: stage < STAGES && !OPEN(HERE(stage, 0)) &&
			!OPEN(HERE(stage, 1)) -> stage++
		:: else -> break
		od;
		if
		:: stage == STAGES -> mode = M_ENDING; stage = 0
		:: else ->
			for (n : 0 .. 1) {
				if
				:: OPEN(HERE(stage, n)) -> wp[n] = W_LOOK
				:: else
				fi
			};
			n = 0
		fi;
		n = 0
	}
}

#define IS_PROCESS(at) ((at) == S_STOP || (at) == S_START || \
	(at) == S_RESUME || (at) == (turned -> B_PAUSE : S_PAUSE))
#define IS_LINK(at) ((at) == S_ACTIVATE || \
	(at) == (turned -> B_HOLD : S_HOLD))
#define IS_METADATA(at) ((at) == S_SAVE)
#define NO_STAGE 15

inline is_last(t, s)
{
	if
	:: GET(s, STATUS) == INTENT -> last[t] = NO_STAGE + 1
	:: GET(s, STATUS) != ABSENT && !OPEN(s) && last[t] <= NO_STAGE ->
		last[t] = i
	:: else
	fi
}

/* look_again(), last_done() */
inline look_again(most)
{
	d_step {
		idle();
		mode = M_LOOKING;
		target = 0;
		wp[0] = W_LOOK;
		for (n : 0 .. 3) { last[n] = NO_STAGE }
		i = 0;
		do
		:: i < most ->
			if
			:: IS_PROCESS(i) ->
				is_last(0, HERE(i, 0));
				is_last(1, HERE(i, 1))
			:: IS_LINK(i) -> is_last(2, HERE(i, 0))
			:: IS_METADATA(i) -> is_last(3, HERE(i, 0))
			:: else
			fi;
			i++
		:: else -> break
		od;
		for (n : 0 .. 3) {
			if
			:: last[n] > NO_STAGE -> last[n] = NO_STAGE
			:: else
			fi
		};
		stage = 0;
		i = 0
	}
}

inline look_at_next()
{
	target++;
	wp[0] = W_LOOK;
	if
	:: target == 4 -> advance()
	:: else
	fi
}

/* The engine ends; what it waits for is a person, who types the same again,
 * or decides. */
inline halt(decide)
{
	printf("halt %d %d\n", NAME(stage), decide);
	alive = 0;
	halted = 1;
	closed = decide;
	forget()
}

/* lane_fail() */
inline fail()
{
	if
	:: turned || mode != M_WORK -> halt(0)
	:: else -> begin_turn()
	fi
}

/* turn_if_proved() */
inline begin_turn()
{
	idle();
	stage = 0;
	if
	:: NEW_BEGAN && mistake != NO_PROOF -> mode = M_PROVING
	:: else -> mode = M_TURNING
	fi
}

/* wait_more(): rests; what changed since it looked is seen at once. */
inline wait_more(j)
{
	if
	:: fresh[j] -> wp[j] = W_LOOK; fresh[j] = 0
	:: else -> wp[j] = W_WAIT
	fi
}

/* lane_undone() */
inline undone_(j)
{
	undone++;
	if
	:: undone > UNDONE_MOST -> fail()
	:: else -> look_again(stage)
	fi
}

/* if_claimed(): what was given back by a release that is not done is taken again. */
inline try_to_act(j)
{
	if
	:: released && stage != S_RELEASE ->
		if
		:: mistake == CLAIM_NOT_TAKEN_AGAIN -> halt(0)
		:: else -> released = 0; wp[j] = W_GUARD
		fi
	:: else ->
		if
		:: stage == S_STOP || stage == S_SAVE -> wp[j] = W_GUARD
		:: else -> wp[j] = W_QUEUED
		fi
	fi
}

/* not_yet(): quiet is over means that nothing of ours is under way. */
inline not_yet(s, j)
{
	if
	:: GET(s, STATUS) != INTENT -> try_to_act(j)
	:: GET(s, STATUS) == INTENT && acted[j] -> wait_more(j)
	:: GET(s, STATUS) == INTENT && !acted[j] ->
		if
		:: IS_PROCESS(stage) && IN_FLIGHT(j) &&
			mistake != REPEAT_WITHOUT_QUIET -> wait_more(j)
		:: else -> try_to_act(j)
		fi
	fi
}

/* finish(), how_it_came() */
inline finish(s, j)
{
	if
	:: GET(s, STATUS) != INTENT -> write_done(s, FOUND)
	:: GET(s, STATUS) == INTENT && acted[j] -> write_done(s, ACTED)
	:: GET(s, STATUS) == INTENT && !acted[j] &&
		GET(s, FAILURES) >= GET(s, INTENTS) -> write_done(s, FOUND)
	:: GET(s, STATUS) == INTENT && !acted[j] &&
		GET(s, FAILURES) < GET(s, INTENTS) -> write_done(s, RECOVERED)
	fi;
	if
	:: stage == S_START -> SET(s, SAW_RUNNING, (phase[j] == RUNNING))
	:: else
	fi;
	work_is_over(j)
}

#define TRIES (stage == S_START || (turned && stage == B_PUT_BACK) -> 2 : 3)

/* count_failure() */
inline count_failure(s, j)
{
	if
	:: GET(s, FAILURES) > 0 && GET(s, FAILED_LAST) -> try_to_act(j)
	:: else ->
		write_failed(s);
		if
		:: GET(s, FAILURES) >= TRIES -> fail()
		:: else -> wp[j] = W_LOOK
		fi
	fi
}

/* observed() */
inline look(s, j)
{
	observe(stage, j);
	seen[j] = (stage == S_STOP -> life[j] : 0);
	if
	:: view == V_REACHED -> finish(s, j)
	:: view == V_NOT_YET -> not_yet(s, j)
	:: view == V_AGAIN && GET(s, INTENTS) < 7 -> try_to_act(j)
	:: view == V_AGAIN && GET(s, INTENTS) >= 7 -> halt(0)
	:: view == V_FAILED -> count_failure(s, j)
	:: view == V_UNDONE -> undone_(j)
	:: view == V_UNKNOWN -> wait_more(j)
	:: view == V_BLOCKED -> halt(1)
	fi
}

/* guarded() */
inline ask_guard(j)
{
	guard(stage, j);
	if
	:: view == V_REACHED -> wp[j] = W_QUEUED; fresh[j] = 0
	:: view == V_UNKNOWN -> wait_more(j)
	:: view == V_UNDONE -> undone_(j)
	:: view == V_BLOCKED -> halt(1)
	fi
}

/* A request: it is carried out, or not; the answer comes, or not. */
#define POST(s, j, is_right, deliver, is_refused) \
	if \
	:: is_right -> deliver; acted[j] = 1 \
	:: is_right && lost > 0 -> deliver; lost-- \
	:: lost > 0 -> lost-- \
	:: is_refused -> write_failed(s) \
	:: !(is_right) && !(is_refused) \
	fi

inline act(s, j)
{
	acted[j] = 0;
	wp[j] = W_LOOK;
	if
	:: stage == (turned -> B_PAUSE : S_PAUSE) ->
		POST(s, j, phase[j] == RUNNING, pausing[j]++,
			phase[j] == PAUSED)
	:: stage == (turned -> B_HOLD : S_HOLD) ->
		link = HOLD;
		acted[j] = 1
	:: stage == S_STOP ->
		if
		:: IS_UP(j) && life[j] == seen[j] ->
			assert(!ending[j]); /* a second one makes it panic */
			assert(phase[j] != RUNNING);
			ending[j] = 1
		:: else
		fi;
		acted[j] = 1
	:: stage == S_SAVE && !turned -> copy = 0; wp[j] = W_ACTING
	:: stage == B_PUT_BACK && turned ->
		assert(!IS_UP(0) && !IS_UP(1));
		assert(!moved && copy && format > 0);
		format = 1;
		put_back_from = 1;
		wp[j] = W_ACTING
	:: stage == S_ACTIVATE -> link = (turned -> OLD : NEW); acted[j] = 1
	:: stage == S_START ->
		attempt[j] = ATTEMPT(s);
		acted[j] = 1;
		if
		:: !IS_UP(j) && link != HOLD -> come_up(j); locked[j] = 1
		:: else -> locked[j] = 0 /* it ends at once */
		fi
	:: stage == S_RESUME ->
		assert(!stays_paused[j] && !resuming[j]);
		assert(phase[j] != RUNNING || persisted_running[j]);
		POST(s, j, phase[j] == PAUSED, resuming[j] = 1,
			phase[j] == RUNNING)
	:: stage == S_RELEASE -> released = 1; acted[j] = 1
	fi;
	poke()
}

/* The helper has answered. */
inline answer(j)
{
	assert(!IS_UP(0) && !IS_UP(1));
	if
	:: turned -> assert(copy)
	:: else -> assert(format == 0)
	fi;
	format = 0;
	moved = 0;
	copy = 1;
	put_back_from = 0;
	acted[j] = 1;
	wp[j] = W_LOOK
}

/* work_intend() */
inline intend(s, j)
{
	write_intent(s, seen[j]);
	wp[j] = W_INTENDED
}

#define CAN_LOOK (alive && mode == M_WORK && !flushing)
#define IS_QUIET(p) (!IN_FLIGHT(p) && phase[p] != STARTING && \
	!(phase[p] == DOWN && may_restart[p] && (restarts > 0 || \
		(link != HOLD && NOT_OURS_TO_START(p)))))
#define NOBODY(what) (wp[0] != what && wp[1] != what)

hidden byte who;

/* observed_again(), reopen() */
inline look_once_more(p)
{
	if
	:: last[target] == NO_STAGE -> look_at_next()
	:: else ->
		observe(last[target], p);
		if
		:: view == V_REACHED -> look_at_next()
		:: view == V_UNKNOWN -> wp[0] = W_WAIT
		:: view == V_BLOCKED -> halt(1)
		:: else ->
			if
			:: GET(HERE(last[target], p), REOPENED) ==
				REOPENED_MOST -> halt(0)
			:: else ->
				write_reopen(HERE(last[target], p),
					last[target]);
				look_at_next()
			fi
		fi
	fi
}

/* see_unchanged(), lane_halt() */
inline prove()
{
	if
	:: DIGEST_KNOWN && SAME_METADATA -> mode = M_TURNING
	:: !(DIGEST_KNOWN && SAME_METADATA) && MAY_RESTORE && !OUTDATED &&
		phase[0] != RUNNING && phase[1] != RUNNING ->
		mode = M_TURNING
	:: else -> request = 0; halt(1)
	fi
}

/* engine_request() */
inline obey()
{
	request = 1;
	restore = restore || file_restore;
	file = 0;
	file_restore = 0
}

/* engine_run(), lane_begin() */
inline take_up()
{
	alive = 1;
	halted = 0;
	printf("taken up\n");
	if
	:: !released -> excused[0] = 0; excused[1] = 0
	:: else
	fi;
	if
	:: file -> obey()
	:: else
	fi;
	if
	:: request && !turned -> begin_turn()
	:: GET(HERE(S_RELEASE, 0), STATUS) == DONE -> mode = M_ENDING
	:: else ->
		if
		:: mistake == NO_LOOK_AGAIN -> advance()
		:: else -> look_again(STAGES)
		fi
	fi
}

#define WORK_ON(j) \
	:: atomic { CAN_LOOK && wp[j] == W_LOOK -> look(HERE(stage, j), j) } \
	:: atomic { CAN_LOOK && wp[j] == W_GUARD -> ask_guard(j) } \
	:: atomic { CAN_LOOK && wp[j] == W_ACTING -> answer(j) } \
	/* out_of_patience(): nothing will come any more */ \
	:: atomic { \
		CAN_LOOK && wp[j] == W_WAIT && IS_QUIET(0) && IS_QUIET(1) -> \
		fail() \
	}

/* flush(): INTENTs, one sync, then they act, and nothing in between. */
#define FLUSH(j, not_before) \
	:: atomic { \
		alive && mode == M_WORK && flushing <= 1 && \
			wp[j] == W_QUEUED && not_before(W_QUEUED) -> \
		flushing = 1; \
		if \
		:: mistake != INTENT_AFTER_EFFECT -> intend(HERE(stage, j), j) \
		:: else -> act(HERE(stage, j), j); wp[j] = W_LATE \
		fi \
	} \
	:: atomic { \
		alive && flushing == 1 && wp[j] == W_LATE -> \
		intend(HERE(stage, j), j); \
		acted[j] = 1 \
	} \
	:: atomic { \
		flushing == 2 && wp[j] == W_DUE && not_before(W_DUE) && \
			mistake == DONE_BEFORE_EFFECT && \
			GET(HERE(stage, j), STATUS) == INTENT -> \
		write_done(HERE(stage, j), ACTED) \
	} \
	:: atomic { \
		flushing == 2 && wp[j] == W_DUE && not_before(W_DUE) && \
			(mistake != DONE_BEFORE_EFFECT || \
			GET(HERE(stage, j), STATUS) == DONE) -> \
		if \
		:: mistake != INTENT_AFTER_EFFECT -> act(HERE(stage, j), j) \
		:: else -> wp[j] = W_LOOK \
		fi; \
		if \
		:: NOBODY(W_DUE) -> flushing = 0 \
		:: else \
		fi \
	}
#define FIRST(what) true
#define SECOND(what) wp[0] != what

#define CAN_SYNC (!cut || mistake == SYNC_SKIPPED)

proctype supervisor()
{
end:	do
	/* Who has read why it halted types it again when all is at rest, or
	 * once too early. */
	:: atomic {
		!alive && !finished && !closed && !cut &&
			(!halted || (IS_QUIET(0) && IS_QUIET(1))) -> take_up()
	}
	:: atomic {
		!alive && !finished && !closed && !cut && halted && kills > 0 ->
		kills--;
		take_up()
	}
	:: atomic {
		alive && file && !flushing && !cut &&
			(mode == M_LOOKING || mode == M_WORK) ->
		obey();
		if
		:: !turned -> begin_turn()
		:: else
		fi
	}
	:: atomic {
		alive && mode == M_LOOKING && wp[0] == W_LOOK ->
		who = (target < 2 -> target : 0);
		look_once_more(who)
	}
	:: atomic {
		alive && mode == M_LOOKING && wp[0] == W_WAIT && IS_QUIET(0) &&
			IS_QUIET(1) -> halt(0)
	}
	WORK_ON(0)
	WORK_ON(1)
	FLUSH(0, FIRST)
	FLUSH(1, SECOND)
	:: atomic {
		flushing == 1 && NOBODY(W_QUEUED) && NOBODY(W_LATE) && CAN_SYNC ->
		flushing = 2;
		if
		:: wp[0] == W_INTENDED -> wp[0] = W_DUE
		:: else
		fi;
		if
		:: wp[1] == W_INTENDED -> wp[1] = W_DUE
		:: else
		fi
	}
	:: atomic { alive && mode == M_PROVING && !cut -> prove() }
	:: atomic {
		alive && mode == M_TURNING && !cut -> write_turn(); advance()
	}
	:: atomic {
		alive && mode == M_ENDING && !cut ->
		finished = 1;
		alive = 0;
		forget()
	}
	od
}
