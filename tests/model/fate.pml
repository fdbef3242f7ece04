/*
 * fate.pml - what goes wrong, and what a person does; and the judge, who asks
 * only how the world is at the end.
 */
inline supervisor_dies()
{
	alive = 0;
	printf("  the supervisor dies\n");
	put_back_from = 0; /* helper and children end with us */
	forget()
}

proctype fate()
{
end:	do
	:: atomic { alive && kills > 0 -> kills--; supervisor_dies() }
	:: atomic {
		hosts > 0 && !finished ->
		hosts--;
		printf("  power cut\n");
		supervisor_dies();
		lose_what_was_not_synced();
		if
		:: IS_UP(0) -> go_down(0)
		:: else -> may_restart[0] = 1
		fi;
		if
		:: IS_UP(1) -> go_down(1)
		:: else -> may_restart[1] = 1
		fi
	}
	:: atomic {
		asks > 0 && !finished ->
		asks--;
		printf("  rollback is typed\n");
		file = 1;
		if
		:: file_restore = 1
		:: file_restore = 0
		fi
	}
	/* Exit 7: a person goes on, or gives the copy back if that helps. */
	:: atomic { closed && runs > 0 && !OUTDATED -> runs--; closed = 0 }
	:: atomic { closed && OUTDATED -> closed = 0 }
	:: atomic {
		closed && !OUTDATED ->
		closed = 0;
		file = 1;
		file_restore = 1
	}
	/* From here on nothing goes wrong any more. */
	:: atomic {
		!cut && kills + hosts + deaths + lost + asks + restarts > 0 ->
		kills = 0;
		hosts = 0;
		deaths = 0;
		lost = 0;
		asks = 0;
		restarts = 0;
		poke()
	}
	od
}

/* When nothing can happen any more, this must hold. */
#define AS_BEFORE(p) (excused[p] || \
	(phase[p] == (stays_paused[p] -> PAUSED : RUNNING) && \
	version_new[p] == !turned))

proctype judge()
{
end:	timeout ->
	assert(finished);
	assert(released);
	assert(link == (turned -> OLD : NEW));
	assert(!turned || format == 0);
	assert(AS_BEFORE(0) && AS_BEFORE(1))
}
