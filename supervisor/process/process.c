/*
 * process.c - what all makers do alike: find one, look at a pid, send a signal.
 */
#include "supervisor/process/process.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/backend.h"

const struct process_ops *process_ops_here(const char *backend)
{
	static const struct process_ops *const all[] = {
		&process_spawn, &process_command};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, backend) == 0)
			return all[i];
	return NULL;
}

static int64_t age_of(const struct process_seen *seen)
{
	int64_t began = (int64_t)(seen->start_ticks * 1000 /
				  (uint64_t)sysconf(_SC_CLK_TCK));
	int64_t age = sys_boottime_ms() - began;

	return age > 0 ? age : 0;
}

void process_tell(struct process_seen *seen, process_seen_fn *done, void *arg)
{
	if (seen->boot_id[0] == '\0')
		(void)snprintf(seen->boot_id, sizeof(seen->boot_id), "%s",
			sys_boot_id());
	if (seen->pid > 0 && seen->start_ticks > 0)
		seen->age_ms = age_of(seen);
	done(arg, seen);
}

bool process_see(pid_t pid, struct process_seen *ret_seen)
{
	uint64_t ticks;

	if (!proc_start_ticks(pid, &ticks, NULL))
		return false;
	ret_seen->view = PROCESS_RUNNING;
	ret_seen->pid = pid;
	ret_seen->start_ticks = ticks;
	(void)snprintf(ret_seen->boot_id, sizeof(ret_seen->boot_id), "%s",
		sys_boot_id());
	/* It has given up its memory, but not yet its files. */
	if (!proc_exe(pid, ret_seen) && errno == ENOENT) {
		ret_seen->view = PROCESS_UNKNOWN;
		(void)snprintf(ret_seen->why, sizeof(ret_seen->why),
			"process %d is ending", (int)pid);
	}
	return true;
}

pid_t process_port_taken(
	const struct process_spec *spec, const struct process_seen *seen)
{
	bool listening;
	pid_t pid;

	/* Others are found by their port in the first place. */
	if (seen->pid <= 0 || !seen->attempt ||
		!proc_find_listener(spec->port, &pid, &listening, NULL) ||
		pid <= 0 || pid == seen->pid)
		return 0;
	/* What a wrapper of ours started is in the wrapper's session. */
	if (getsid(pid) == getsid(seen->pid) ||
		proc_match_config(pid, spec->config) != PROC_DIFFERS)
		return 0;
	return pid;
}

bool process_is_ours(const struct process_seen *seen)
{
	struct stat st;

	return seen->exe_known && stat("/proc/self/exe", &st) == 0 &&
	       st.st_dev == seen->exe_dev && st.st_ino == seen->exe_ino;
}

/* Of /etc/passwd alone: syncup-host is linked statically, and what else knows
 * names comes by libraries of the host. */
void process_user_name(uid_t uid, char *ret_name, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	(void)snprintf(ret_name, size, "%lu", (unsigned long)uid);
	while (file != NULL && (entry = fgetpwent(file)) != NULL) {
		if (entry->pw_uid != uid)
			continue;
		(void)snprintf(ret_name, size, "%s", entry->pw_name);
		break;
	}
	if (file != NULL)
		(void)fclose(file);
}

static bool refuse(pid_t pid, struct err *err)
{
	char path[64], user[65] = "that owns it";
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) == 0)
		process_user_name(st.st_uid, user, sizeof(user));
	return err_set(err, ERR_STEP,
		"may not signal process %d: run syncup as user %s", (int)pid,
		user);
}

bool process_signal(const struct process_seen *who, int number, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	struct err missing = {0};
	uint64_t ticks;

	if (who->pid <= 1 || who->pid == getpid())
		return err_set(err, ERR_BUG, "asked to signal process %d",
			(int)who->pid);
	if (who->boot_id[0] != '\0' && strcmp(who->boot_id, sys_boot_id()) != 0)
		return true;
	fd = pidfd_open(who->pid, 0);
	if (fd < 0 && errno == ESRCH)
		return true;
	if (fd < 0)
		return err_sys(err, ERR_STEP, errno, "opening process %d",
			(int)who->pid);
	/* Only now: the descriptor keeps meaning whom we look at here. */
	if (!proc_start_ticks(who->pid, &ticks, &missing)) {
		if (missing.code == ERR_MISSING)
			return true;
		if (err != NULL)
			*err = missing;
		return false;
	}
	if (ticks != who->start_ticks)
		return true;
	if (pidfd_send_signal(fd, number, NULL, 0) == 0 || errno == ESRCH)
		return true;
	if (errno == EPERM)
		return refuse(who->pid, err);
	return err_sys(
		err, ERR_STEP, errno, "signalling process %d", (int)who->pid);
}
