#include "tests/sim/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64 };

struct job {
	pid_t pid;
	int pipe;
	struct lap lap;
};

static _Noreturn void become_lap(
	const struct lap_place *place, const struct lap *lap, int out)
{
	struct lap_result result;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	lap_run(place, lap, &result);
	_exit(write(out, &result, sizeof(result)) == sizeof(result) ? 0 : 1);
}

static bool start(const struct lap_place *place, struct job *job)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	(void)fflush(NULL);
	job->pid = fork();
	if (job->pid == 0) {
		(void)close(ends[0]);
		become_lap(place, &job->lap, ends[1]);
	}
	(void)close(ends[1]);
	job->pipe = ends[0];
	return job->pid > 0;
}

static void end(struct job *job, pool_done_fn *done, void *arg)
{
	struct lap_result result;

	if (read(job->pipe, &result, sizeof(result)) != sizeof(result)) {
		result = (struct lap_result){0};
		(void)snprintf(
			result.why, sizeof(result.why), "the lap itself died");
	}
	(void)close(job->pipe);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		;
	done(arg, &job->lap, &result);
}

void pool_run(const struct lap_place *place, unsigned jobs, pool_next_fn *next,
	pool_done_fn *done, void *arg)
{
	struct job job[JOBS_MAX];
	struct pollfd wait[JOBS_MAX];
	unsigned count = 0;
	bool more = true;

	if (jobs > JOBS_MAX)
		jobs = JOBS_MAX;
	while (more || count) {
		while (more && count < jobs &&
			(more = next(arg, &job[count].lap)))
			count += start(place, &job[count]);
		for (unsigned i = 0; i < count; i++)
			wait[i] = (struct pollfd){job[i].pipe, POLLIN, 0};
		if (!count || poll(wait, count, -1) < 0)
			continue;
		for (unsigned i = count; i-- > 0;) {
			if (!wait[i].revents)
				continue;
			end(&job[i], done, arg);
			job[i] = job[--count];
		}
	}
}
