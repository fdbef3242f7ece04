/*
 * sync_upgrade.pml - the protocol by which one lane of two sync processes is
 * upgraded, killed at any step, and finished by the same command.
 *
 *   memory.pml      what ends with the supervisor
 *   journal.pml     records, what a kill or a power cut leaves of them
 *   world.pml       processes, link, metadata
 *   observe.pml     what an observation and a guard say
 *   fate.pml        kills, power cuts, lost requests, people, the judge
 *   supervisor.pml  the engine: lanes, works, batches, turning back
 *
 * README.md says which function of the code each part stands for.  Budgets and
 * the mistake come from the environment, so that one verifier does for all.
 */

/* What may be planted; each must be found. */
#define DONE_BEFORE_EFFECT 1
#define INTENT_AFTER_EFFECT 2
#define NO_HOLD 3
#define RESUME_FOUND 4
#define SYNC_SKIPPED 5
#define REPEAT_WITHOUT_QUIET 6
#define NO_LOOK_AGAIN 7
#define NO_PROOF 8
#define NO_LANDING 9
#define NOT_OURS_NOT_LOOKED_AT 10
#define CLAIM_NOT_TAKEN_AGAIN 11

hidden byte mistake;

c_decl {
	static unsigned char budget(const char *name)
	{
		const char *text = getenv(name);

		return (unsigned char)(text ? atoi(text) : 0);
	}
};

#include "memory.pml"
#include "journal.pml"
#include "world.pml"
#include "observe.pml"
#include "fate.pml"
#include "supervisor.pml"

init {
	atomic {
		c_code {
			mistake = budget("MISTAKE");
			now.kills = budget("KILLS");
			now.hosts = budget("HOSTS");
			now.deaths = budget("DEATHS");
			now.lost = budget("LOST");
			now.asks = budget("ASKS");
			now.runs = now.asks;
			now.restarts = budget("RESTARTS");
		};
		begin_world();
		begin_journal();
		run process(0);
		run process(1);
		run fate();
		run supervisor();
		run judge()
	}
}
