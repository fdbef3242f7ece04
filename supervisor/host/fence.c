/*
 * fence.c - see fence.h.
 */
#include "supervisor/host/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/process.h"

#define FILE_MAX (16u << 10)
#define END_MS 10000 /* for one killed process to be gone */
#define ANCESTORS_MAX 16

static char fence_path[128]; /* "": not entered */

/* ---- who we are ---- */

static bool read_parent(pid_t pid, char ret_name[static 32], pid_t *ret_parent)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	const char *open, *end;
	size_t len;
	int parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!atomic_file_read(path, 4096, &text, &len, NULL))
		return false;
	open = strchr(text, '(');
	end = strrchr(text, ')'); /* the name may have some, too */
	if (!open || !end || sscanf(end + 1, " %*c %d", &parent) != 1)
		return false;
	(void)snprintf(ret_name, 32, "%.*s", (int)(end - open - 1), open + 1);
	*ret_parent = (pid_t)parent;
	return true;
}

pid_t fence_server(pid_t pid)
{
	char name[32];
	pid_t parent;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (!read_parent(pid, name, &parent))
			return 0;
		if (strncmp(name, "sshd", 4) == 0 ||
			strcmp(name, "dropbear") == 0)
			return pid;
		pid = parent;
	}
	return 0;
}

/* ---- the file ---- */

/* In memory and the same for all sessions of this user until the host is
 * started anew; /run/user/<uid> may come and go between two of them. */
static bool find_path(const char *owner, struct err *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	const char *base =
		access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
	char hash[17];
	unsigned len;

	if (!EVP_Digest(owner, strlen(owner), digest, &len, EVP_sha256(), NULL))
		return err_set(err, ERR_BUG, "no SHA-256");
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	(void)snprintf(fence_path, sizeof(fence_path), "%s/.syncup-host-%lu-%s",
		base, (unsigned long)geteuid(), hash);
	return true;
}

/* Locked, and still the file of that name.  make: O_CREAT or 0. */
static bool open_file(int make, int *ret_fd, struct err *err)
{
	for (;;) {
		_cleanup_fd_ int fd = open(fence_path,
			O_RDWR | make | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat ours, named;

		if (fd < 0)
			return err_sys(err, ERR_AGAIN, errno, "opening %s",
				fence_path);
		if (flock(fd, LOCK_EX) != 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, ERR_AGAIN, errno, "locking %s",
				fence_path);
		}
		if (fstat(fd, &ours) != 0 || !S_ISREG(ours.st_mode) ||
			ours.st_uid != geteuid())
			return err_set(err, ERR_CONFIG,
				"%s is not ours: remove it", fence_path);
		if (lstat(fence_path, &named) != 0 ||
			named.st_ino != ours.st_ino ||
			named.st_dev != ours.st_dev)
			continue; /* its last one has just left */
		*ret_fd = take_fd(&fd);
		return true;
	}
}

/* What is no such file is as good as none: it died while it wrote. */
static json_t *read_file(int fd)
{
	char text[FILE_MAX];
	ssize_t len = pread(fd, text, sizeof(text), 0);
	json_t *json = len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
	const char *boot = json_string_value(json_object_get(json, "boot_id"));

	if (boot && strcmp(boot, sys_boot_id()) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static bool write_file(int fd, const json_t *json, struct err *err)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	if (!text)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
		!atomic_write_all(fd, text, strlen(text), NULL))
		return err_sys(err, ERR_AGAIN, errno, "writing %s", fence_path);
	return true;
}

/* ---- whom it names ---- */

static bool is_alive(const json_t *process)
{
	pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
	uint64_t ticks;

	return pid > 1 && proc_start_ticks(pid, &ticks, NULL) &&
	       ticks == (uint64_t)json_integer_value(
				json_object_get(process, "start_ticks"));
}

static bool end_process(const json_t *process, struct err *err)
{
	pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
	_cleanup_fd_ int fd = pid > 1 ? pidfd_open(pid, 0) : -1;
	struct pollfd gone = {.fd = fd, .events = POLLIN};

	/* Asked after it was opened: the descriptor keeps meaning this one. */
	if (fd < 0 || !is_alive(process) || pid == getpid())
		return true;
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
		return err_sys(err, ERR_AGAIN, errno,
			"ending process %d of a broken connection", (int)pid);
	if (poll(&gone, 1, END_MS) == 1)
		return true;
	return err_set(err, ERR_AGAIN,
		"process %d of a broken connection does not end", (int)pid);
}

static bool end_all(const json_t *file, struct err *err)
{
	const json_t *list = json_object_get(file, "processes");
	const json_t *process;
	size_t i;

	json_array_foreach (list, i, process)
		if (!end_process(process, err))
			return false;
	return true;
}

static void add_process(json_t *list, pid_t pid, bool server)
{
	uint64_t ticks;

	if (pid > 0 && proc_start_ticks(pid, &ticks, NULL))
		(void)json_array_append_new(
			list, json_pack("{s:I, s:I, s:b}", "pid",
				      (json_int_t)pid, "start_ticks",
				      (json_int_t)ticks, "server", server));
}

/* Those of our own connection that still live, and us. */
static json_t *list_with_us(const json_t *file, pid_t server)
{
	const json_t *old = json_object_get(file, "processes");
	json_t *list = json_array(), *process;
	size_t i;

	if (!json_array_size(old))
		add_process(list, server, true);
	json_array_foreach (old, i, process)
		if (is_alive(process))
			(void)json_array_append(list, process);
	add_process(list, getpid(), false);
	return list;
}

bool fence_enter(const char *owner, const char *connection, struct err *err)
{
	pid_t server = fence_server(getppid());
	_cleanup_json_ json_t *file = NULL, *mine = NULL;
	_cleanup_fd_ int fd = -1;
	const char *last;
	uint64_t since = 0;
	bool same;

	if (!find_path(owner, err) || !open_file(O_CREAT, &fd, err))
		return false;
	if (!proc_start_ticks(server > 0 ? server : getpid(), &since, err))
		return false;
	file = read_file(fd);
	last = json_string_value(json_object_get(file, "connection"));
	same = last && strcmp(last, connection) == 0;
	if (!same && last &&
		since < (uint64_t)json_integer_value(
				json_object_get(file, "since_ticks")))
		return err_set(err, ERR_AGAIN,
			"a newer connection has taken the place of this one");
	if (!same && !end_all(file, err))
		return false;
	mine = json_pack("{s:s, s:s, s:o, s:o}", "boot_id", sys_boot_id(),
		"connection", connection, "since_ticks",
		same ? json_incref(json_object_get(file, "since_ticks"))
		     : json_integer((json_int_t)since),
		"processes", list_with_us(same ? file : NULL, server));
	return mine ? write_file(fd, mine, err)
		    : err_set(err, ERR_MEMORY, "out of memory");
}

/* Who holds the lock for long is about to end us.  It is not made anew: the
 * last one has just removed it. */
static void leave(void)
{
	_cleanup_json_ json_t *file = NULL;
	_cleanup_fd_ int fd = -1;
	json_t *list, *process;
	bool others = false;

	if (!fence_path[0] || !open_file(0, &fd, NULL))
		return;
	file = read_file(fd);
	list = json_object_get(file, "processes");
	for (size_t i = json_array_size(list); i-- > 0;) {
		process = json_array_get(list, i);
		if (json_integer_value(json_object_get(process, "pid")) ==
			getpid())
			(void)json_array_remove(list, i);
		else if (!json_is_true(json_object_get(process, "server")))
			others |= is_alive(process);
	}
	if (others)
		(void)write_file(fd, file, NULL);
	else
		(void)unlink(fence_path);
}

/* Both of our threads come here at the end; the first one's exit must not cut
 * the other short. */
void fence_leave(void)
{
	static pthread_mutex_t leaving = PTHREAD_MUTEX_INITIALIZER;

	(void)pthread_mutex_lock(&leaving);
	leave();
	fence_path[0] = '\0';
	(void)pthread_mutex_unlock(&leaving);
}
