/*
 * peak.c - peak FILE COMMAND...: runs it, and writes to FILE how much memory
 * it had at most, in KiB, without its children.  Ends as the command did.
 *
 * getrusage() would count the children that it waited for.  So the command is
 * traced, and asked just before it ends (PTRACE_O_TRACEEXIT).
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static long peak_of(pid_t pid)
{
	char path[64], line[256];
	long peak = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		(void)sscanf(line, "VmHWM: %ld kB", &peak);
	if (file)
		(void)fclose(file);
	return peak;
}

static void run(char **argv)
{
	(void)raise(SIGSTOP); /* until we are traced */
	(void)execv(argv[0], argv);
	_exit(127);
}

/* Its status; *ret_peak is -1 if it could not be asked. */
static int trace(pid_t pid, long *ret_peak)
{
	long options = PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
	int status = 0;

	*ret_peak = -1;
	if (waitpid(pid, &status, WUNTRACED) != pid ||
		ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) != 0 ||
		kill(pid, SIGCONT) != 0)
		return -1;
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int event = status >> 16, number = WSTOPSIG(status);

		if (event == PTRACE_EVENT_EXIT)
			*ret_peak = peak_of(pid);
		(void)ptrace(PTRACE_CONT, pid, NULL,
			(void *)(long)(event ? 0 : number));
	}
	return status;
}

int main(int argc, char **argv)
{
	int status;
	FILE *file;
	pid_t pid;
	long peak;

	if (argc < 3)
		return 125;
	pid = fork();
	if (pid == 0)
		run(argv + 2);
	if (pid < 0)
		return 125;
	status = trace(pid, &peak);
	file = fopen(argv[1], "we");
	if (peak < 0 || !file || fprintf(file, "%ld\n", peak) < 0 ||
		fclose(file) != 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
