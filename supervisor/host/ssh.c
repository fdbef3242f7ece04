/*
 * ssh.c - what OpenSSH is told, and the private directory of its sockets.
 *
 * The user's ssh_config(5) and known_hosts stand.  Overridden is only what
 * would ask a person, outlive us, or make a connection that is not the
 * master's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/helper/answer.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

#define DIRECTORY_NAME "syncup-ssh-"
/* Behind it come "/h12-65535", and what ssh appends while it makes one. */
#define BASE_MAX 48u
#define LOCK_NAME "lock"
#define LOOK_MS 100
#define MAKING_S 60 /* a directory without a lock is not older than that */

/* ---- words ---- */

static void add(struct ssh_words *words, const char *word)
{
	if (words->count >= SSH_WORDS_MAX - 1)
		abort(); /* ours: they are counted */
	words->word[words->count++] = (char *)(uintptr_t)word;
	words->word[words->count] = NULL;
}

__attribute__((format(printf, 2, 3))) static void add_text(
	struct ssh_words *words, const char *fmt, ...)
{
	size_t used = 0;
	va_list args;
	int len;

	for (size_t i = 0; words->text[i]; i += strlen(words->text + i) + 1)
		used = i + strlen(words->text + i) + 1;
	va_start(args, fmt);
	len = vsnprintf(
		words->text + used, sizeof(words->text) - used - 1, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(words->text) - used - 1)
		abort();
	add(words, words->text + used);
}

static void add_all(struct ssh_words *words, const char *const list[])
{
	for (; *list; list++)
		add(words, *list);
}

static void begin_words(const struct host *host, struct ssh_words *words)
{
	static const char *const common[] = {"-oBatchMode=yes",
		"-oControlPersist=no", "-oForwardAgent=no", "-oForwardX11=no",
		"-oRemoteCommand=none", "-oStreamLocalBindUnlink=yes",
		"-oForkAfterAuthentication=no", NULL};

	memset(words, 0, sizeof(*words));
	add(words, "ssh");
	add(words, "-S");
	add(words, host->control);
	add_all(words, common);
}

static void end_words(const struct host *host, struct ssh_words *words)
{
	add(words, "--");
	add(words, host->name);
}

void ssh_master_words(const struct host *host, struct ssh_words *ret_words)
{
	static const char *const master[] = {"-M", "-N", "-T",
		"-oServerAliveInterval=5", "-oServerAliveCountMax=3",
		"-oConnectTimeout=20", "-oClearAllForwardings=yes",
		"-oPermitLocalCommand=no", NULL};

	begin_words(host, ret_words);
	add_all(ret_words, master);
	end_words(host, ret_words);
}

/* A proxy that does not answer is what is left if the master is gone. */
static void only_the_master(struct ssh_words *words)
{
	add(words, "-oControlMaster=no");
	add(words, "-oProxyCommand=false");
}

void ssh_session_words(const struct host *host, const char *const words[],
	struct ssh_words *ret_words)
{
	begin_words(host, ret_words);
	only_the_master(ret_words);
	add(ret_words, "-T");
	add(ret_words, "-oSessionType=default");
	add(ret_words, "-oStdinNull=no");
	end_words(host, ret_words);
	add_all(ret_words, words);
}

void ssh_forward_words(const struct host *host, const struct forward *forward,
	struct ssh_words *ret_words)
{
	begin_words(host, ret_words);
	only_the_master(ret_words);
	add(ret_words, "-O");
	add(ret_words, "forward");
	add(ret_words, "-L");
	add_text(ret_words, "%s:127.0.0.1:%u", forward->path, forward->port);
	end_words(host, ret_words);
}

void ssh_last_line(const char *output, char *ret_line, size_t size)
{
	scrub_last_line(output, ret_line, size);
	if (!ret_line[0])
		(void)snprintf(ret_line, size, "ssh ended without a word");
	err_mend_text(ret_line);
	answer_clean_text(ret_line);
}

/* ---- the directory ---- */

static bool is_base(const char *path)
{
	struct stat st;

	/* ssh expands % in the path of a control socket. */
	return path && path[0] == '/' && strlen(path) <= BASE_MAX &&
	       !strpbrk(path, "%: ") && stat(path, &st) == 0 &&
	       S_ISDIR(st.st_mode) && access(path, W_OK | X_OK) == 0;
}

static const char *find_base(void)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	const char *user = getenv("XDG_RUNTIME_DIR");

	if (is_base(runtime))
		return runtime;
	return is_base(user) ? user : "/tmp";
}

static void remove_directory(int base, const char *name)
{
	int fd = openat(
		base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	(void)unlinkat(base, name, AT_REMOVEDIR);
}

/* Nobody works in it: its lock is free, or was never made. */
static bool is_left(int base, const char *name)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	char lock[NAME_MAX + 8];

	if (fstatat(base, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return false;
	(void)snprintf(lock, sizeof(lock), "%s/" LOCK_NAME, name);
	fd = openat(base, lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return st.st_mtime + MAKING_S < time(NULL);
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* What supervisors left that were killed: their ssh died with them. */
static void sweep(const char *base)
{
	DIR *dir = opendir(base);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, DIRECTORY_NAME,
			    strlen(DIRECTORY_NAME)) == 0 &&
			is_left(dirfd(dir), entry->d_name))
			remove_directory(dirfd(dir), entry->d_name);
	(void)closedir(dir);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct hosts *hosts = arg;
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t len = read(fd, buf, sizeof(buf));

	(void)what;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *seen =
			(const struct inotify_event *)(void *)(buf + at);
		struct host *host;

		LIST_FOREACH (host, &hosts->list, next) {
			if (host->control[0] && seen->len > 0 &&
				strcmp(strrchr(host->control, '/') + 1,
					seen->name) == 0)
				break;
		}
		if (host)
			link_socket_seen(host);
		at += (ssize_t)(sizeof(*seen) + seen->len);
	}
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct hosts *hosts = arg;
	struct host *host;

	(void)fd, (void)what;
	LIST_FOREACH (host, &hosts->list, next) {
		if (host->control[0] && access(host->control, F_OK) == 0)
			link_socket_seen(host);
	}
}

/* A user may have few inotify instances (fs.inotify.max_user_instances): who
 * gets none looks again and again. */
static void watch(struct hosts *hosts)
{
	const struct timeval again = {.tv_usec = LOOK_MS * 1000};

	hosts->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (hosts->watch >= 0 &&
		inotify_add_watch(hosts->watch, hosts->directory,
			IN_CREATE | IN_MOVED_TO) < 0)
		(void)close(take_fd(&hosts->watch));
	hosts->watching = memory_must(
		hosts->watch >= 0
			? event_new(hosts->base, hosts->watch,
				  EV_READ | EV_PERSIST, on_socket, hosts)
			: event_new(
				  hosts->base, -1, EV_PERSIST, on_look, hosts));
	(void)event_add(hosts->watching, hosts->watch >= 0 ? NULL : &again);
}

bool ssh_directory(struct hosts *hosts, struct err *err)
{
	const char *base = find_base();
	char path[sizeof(hosts->directory)], lock[128];

	if (hosts->directory[0])
		return true;
	sweep(base);
	(void)snprintf(
		path, sizeof(path), "%.48s/" DIRECTORY_NAME "XXXXXX", base);
	if (!mkdtemp(path))
		return err_sys(err, ERR_AGAIN, errno,
			"making a directory for sockets in %s", base);
	(void)snprintf(hosts->directory, sizeof(hosts->directory), "%s", path);
	(void)snprintf(lock, sizeof(lock), "%s/" LOCK_NAME, path);
	hosts->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (hosts->lock >= 0 && flock(hosts->lock, LOCK_EX | LOCK_NB) == 0) {
		watch(hosts);
		return true;
	}
	(void)err_sys(err, ERR_AGAIN, errno,
		"making a directory for sockets in %s", base);
	ssh_directory_remove(hosts);
	return false;
}

void ssh_directory_remove(struct hosts *hosts)
{
	if (hosts->watching)
		event_free(hosts->watching);
	hosts->watching = NULL;
	if (hosts->watch >= 0)
		(void)close(take_fd(&hosts->watch));
	if (hosts->directory[0])
		remove_directory(AT_FDCWD, hosts->directory);
	hosts->directory[0] = '\0';
	if (hosts->lock >= 0)
		(void)close(take_fd(&hosts->lock));
}
