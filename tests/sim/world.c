/*
 * world.c - making a world and running syncup in it.
 */
#include "tests/sim/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "tests/sim/api.h"
#include "tests/sim/port.h"

/* A password that no file but the configuration may hold. */
#define LOGIN "sync:c4n4ry%21pass@"

const char *world_path(const struct world *world, const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;

	turn = (turn + 1) % 4;
	(void)snprintf(
		path[turn], sizeof(path[turn]), "%s/%s", world->dir, name);
	return path[turn];
}

void world_nap(void)
{
	const struct timespec time = {.tv_nsec = 5000000};

	(void)nanosleep(&time, NULL);
}

static bool write_file(struct err *err, const char *path, mode_t mode,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static bool write_file(
	struct err *err, const char *path, mode_t mode, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	va_list args;
	int len;

	if (fd < 0)
		return err_sys(err, ERR_BUG, errno, "making %s", path);
	va_start(args, fmt);
	len = vdprintf(fd, fmt, args);
	va_end(args);
	if (close(fd) != 0 || len < 0)
		return err_sys(err, ERR_BUG, errno, "writing %s", path);
	return true;
}

static bool copy_program(const char *from, const char *to, struct err *err)
{
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st) != 0)
		return err_sys(err, ERR_BUG, errno, "reading %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (out < 0 ||
		sendfile(out, in, NULL, (size_t)st.st_size) != st.st_size)
		return err_sys(err, ERR_BUG, errno, "writing %s", to);
	return true;
}

/* ---- processes ---- */

static _Noreturn void become(char *const argv[], const char *out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	(void)setsid();
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)close_range(3, ~0U, 0);
	(void)execv(argv[0], argv);
	_exit(126);
}

static pid_t start_program(char *const argv[], const char *out)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv, out);
	return pid;
}

/* Reaps whatever of the world has ended; the status of this one, if it has. */
static bool has_ended(pid_t pid, int *ret_status)
{
	pid_t got;

	do
		got = waitpid(pid, ret_status, WNOHANG);
	while (got < 0 && errno == EINTR);
	return got == pid || (got < 0 && errno == ECHILD);
}

int world_wait(pid_t pid)
{
	int64_t until = sys_monotonic_ms() + WORLD_PATIENCE_MS;
	int status = 0;
	bool late = false;

	if (pid <= 0)
		return -1;
	while (!has_ended(pid, &status)) {
		if (!late && sys_monotonic_ms() > until) {
			late = true;
			(void)kill(pid, SIGKILL);
		}
		world_nap();
	}
	if (late)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

pid_t world_start(struct world *world, const char *verb)
{
	char word[2][16], fleet[PATH_MAX], out[32];
	char *argv[] = {world->syncup, word[0], fleet, NULL, NULL};

	/* "journal verify" is two words. */
	(void)snprintf(word[0], sizeof(word[0]), "%.15s", verb);
	(void)snprintf(
		fleet, sizeof(fleet), "%s", world_path(world, "fleet.yaml"));
	if (strchr(word[0], ' ')) {
		(void)snprintf(word[1], sizeof(word[1]), "%.15s",
			strchr(verb, ' ') + 1);
		*strchr(word[0], ' ') = '\0';
		argv[2] = word[1];
		argv[3] = fleet;
	}
	(void)snprintf(out, sizeof(out), "out.%u", ++world->runs);
	return start_program(argv, world_path(world, out));
}

int world_run(struct world *world, const char *verb)
{
	return world_wait(world_start(world, verb));
}

int world_tool(struct world *world, const char *out, char *const argv[])
{
	return world_wait(start_program(argv, world_path(world, out)));
}

/* Is this its --config, among the arguments of the process? */
static bool has_config(const char *pid, const char *config)
{
	char path[64], text[4096];
	_cleanup_fd_ int fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return false;
	text[len] = '\0';
	for (char *word = text; word < text + len; word += strlen(word) + 1)
		if (strcmp(word, config) == 0)
			return true;
	return false;
}

static bool is_sync_process(const char *pid)
{
	char path[64], exe[PATH_MAX];
	const char *name;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len < 0)
		return false;
	exe[len] = '\0';
	name = strrchr(exe, '/');
	return name && strncmp(name, "/mongosync", strlen("/mongosync")) == 0;
}

/* All that was started in this world is our child, or a child of one. */
pid_t world_pid(const struct world *world, unsigned member)
{
	const char *config = world->member[member].config;
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	pid_t pid = 0;

	if (!dir)
		return 0;
	while (!pid && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			has_config(entry->d_name, config) &&
			is_sync_process(entry->d_name))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	(void)closedir(dir);
	return pid;
}

bool world_version(
	const struct world *world, unsigned member, char *ret, size_t size)
{
	pid_t pid = world_pid(world, member);
	char command[64], text[256];
	const char *digit;
	FILE *out;

	ret[0] = '\0';
	if (!pid)
		return false;
	(void)snprintf(command, sizeof(command), "version.%u", member);
	(void)unlink(world_path(world, command));
	{
		char exe[64], word[] = "--version";
		char *argv[] = {exe, word, NULL};

		(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
		if (world_wait(start_program(
			    argv, world_path(world, command))) != 0)
			return false;
	}
	out = fopen(world_path(world, command), "re");
	if (!out)
		return false;
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	(void)fclose(out);
	digit = strpbrk(text, "0123456789");
	if (digit)
		(void)snprintf(ret, size, "%.*s",
			(int)strspn(digit, "0123456789."), digit);
	return digit != NULL;
}

bool world_await_state(const struct world *world, const char *state)
{
	int64_t until = sys_monotonic_ms() + WORLD_PATIENCE_MS / 2;
	char now[32];

	for (unsigned i = 0; i < world->setup.members;) {
		api_state(world->member[i].port, now, sizeof(now));
		if (strcmp(now, state) == 0)
			i++;
		else if (sys_monotonic_ms() > until)
			return false;
		else
			world_nap();
	}
	return true;
}

/* ---- making ---- */

static bool take_port(struct world *world, unsigned *ret, struct err *err)
{
	*ret = port_take(world->port_lock[world->port_locks],
		sizeof(world->port_lock[0]));
	if (!*ret)
		return err_set(err, ERR_BUG, "no port is free");
	world->port_locks++;
	return true;
}

static bool make_database(
	struct world *world, unsigned which, const char *name, struct err *err)
{
	int64_t until = sys_monotonic_ms() + WORLD_PATIENCE_MS;
	char program[PATH_MAX], data[PATH_MAX], ready[PATH_MAX], number[16];
	char option[3][16] = {"--dir", "--port", "--ready-file"};
	char *argv[] = {program, option[0], data, option[1], number, option[2],
		ready, NULL};
	struct stat st;
	unsigned port;

	if (!take_port(world, &port, err))
		return false;
	(void)snprintf(
		program, sizeof(program), "%s/../database", world->setup.build);
	(void)snprintf(data, sizeof(data), "%s", world_path(world, name));
	(void)snprintf(ready, sizeof(ready), "%.4000s.ready", data);
	(void)snprintf(number, sizeof(number), "%u", port);
	(void)start_program(argv, world_path(world, "out.database"));
	while (stat(ready, &st) != 0 || st.st_size == 0) {
		if (sys_monotonic_ms() > until)
			return err_set(err, ERR_BUG,
				"the %s database does not come up", name);
		world_nap();
	}
	/* With PLAIN it takes any password: one to be looked for. */
	(void)snprintf(world->cluster[which], sizeof(world->cluster[which]),
		"mongodb://%s127.0.0.1:%u/?authMechanism=PLAIN", LOGIN, port);
	return true;
}

/* The same server by a URI without a password, as it is an argument. */
void world_plain_uri(const struct world *world, unsigned which, char ret[128])
{
	const char *host = strchr(world->cluster[which], '@') + 1;

	(void)snprintf(
		ret, 128, "mongodb://%.*s", (int)strcspn(host, "?"), host);
}

static bool load_documents(struct world *world, struct err *err)
{
	char program[PATH_MAX], uri[128];
	char word[][16] = {"load", "--uri", "--documents", "200"};
	char *argv[] = {program, word[0], word[1], uri, word[2], word[3], NULL};

	(void)snprintf(program, sizeof(program), "%s/tests/workload/workload",
		world->setup.build);
	world_plain_uri(world, 0, uri);
	if (world_tool(world, "out.load", argv) != 0)
		return err_set(err, ERR_BUG, "no documents can be loaded");
	return true;
}

static bool make_clusters(struct world *world, struct err *err)
{
	static const char *const names[] = {"source", "destination"};

	for (unsigned i = 0; i < 2; i++) {
		if (mkdir(world_path(world, names[i]), 0700) != 0)
			return err_sys(err, ERR_BUG, errno, "making a cluster");
		if (world->setup.database) {
			if (!make_database(world, i, names[i], err))
				return false;
			continue;
		}
		(void)snprintf(world->cluster[i], sizeof(world->cluster[i]),
			"light:%.100s", world_path(world, names[i]));
	}
	return !world->setup.database || load_documents(world, err);
}

static bool write_member(struct world *world, unsigned index, struct err *err)
{
	struct world_member *member = &world->member[index];
	char ids[256] = "", settings[PATH_MAX + 16], file[32];

	(void)snprintf(member->name, sizeof(member->name), "shard%u", index);
	(void)snprintf(file, sizeof(file), "shard%u.conf", index);
	(void)snprintf(member->config, sizeof(member->config), "%s",
		world_path(world, file));
	if (!take_port(world, &member->port, err) ||
		!write_file(err, member->config, 0600,
			"cluster0: \"%s\"\ncluster1: \"%s\"\nport: %u\n"
			"logPath: \"%s/log/%s\"\nacceptDisclaimer: "
			"true\n%s%s\n",
			world->cluster[0], world->cluster[1], member->port,
			world->dir, member->name,
			world->setup.members > 1 ? "id: " : "",
			world->setup.members > 1 ? member->name : ""))
		return false;
	for (unsigned i = 0;
		world->setup.members > 1 && i < world->setup.members; i++)
		(void)snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids),
			"%s\"shard%u\"", i ? "," : ", \"instances\": [", i);
	(void)snprintf(file, sizeof(file), "log/shard%u", index);
	if (mkdir(world_path(world, file), 0700) != 0)
		return err_sys(
			err, ERR_BUG, errno, "making %s/%s", world->dir, file);
	(void)snprintf(
		settings, sizeof(settings), "%s.refsync", member->config);
	return write_file(err, settings, 0600,
		"{\"effects\": \"%s/effects\", \"noop_ms\": 300,"
		" \"pause_ms\": 40, \"resume_ms\": 40, \"stop_ms\": 30,"
		" \"silence_ms\": 30%s%s%s%s}\n",
		world->dir, ids, ids[0] ? "]" : "",
		world->setup.behave[0] ? ", " : "", world->setup.behave);
}

static bool tarball_digest(const char *tarball, char ret[65], struct err *err)
{
	char path[PATH_MAX];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%.4000s.sha256", tarball);
	file = fopen(path, "re");
	if (!file)
		return err_sys(err, ERR_BUG, errno, "reading %s", path);
	len = fread(ret, 1, 64, file);
	(void)fclose(file);
	ret[len] = '\0';
	return true;
}

static bool write_fleet(struct world *world, struct err *err)
{
	char tarball[PATH_MAX], digest[65], instances[2048] = "";

	(void)snprintf(tarball, sizeof(tarball),
		"%.3000s/tests/refsync/dist/mongosync-debian12-x86_64-%s.tgz",
		world->setup.build, world->setup.to);
	if (!tarball_digest(tarball, digest, err))
		return false;
	for (unsigned i = 0; i < world->setup.members; i++)
		(void)snprintf(instances + strlen(instances),
			sizeof(instances) - strlen(instances),
			"  - {name: shard%u, config: shard%u.conf}\n", i, i);
	return write_file(err, world_path(world, "fleet.yaml"), 0600,
		"name: sim\nversion: %s\n"
		"artifact: {file: \"%s\", sha256: %s}\n"
		"install_root: %s/root\nstate_dir: %s/state\n"
		"compat: " SOURCE_TOP "/tests/e2e/compat-lies.json\n"
		"link: %s/bin/mongosync\non_failure: %s\n"
		"oplog_window: 86400\n"
		"timeouts: {pause: 20, stop: 4, start: 30, resume: 20,"
		" movement: 1, idle: 3, pause_quiet: 1, start_quiet: 1,"
		" resume_quiet: 1}\ninstances:\n%s",
		world->setup.to, tarball, digest, world->dir, world->dir,
		world->dir, world->setup.on_failure, instances);
}

static bool start_members(struct world *world, struct err *err)
{
	char program[PATH_MAX], option[] = "--config", config[PATH_MAX];
	char *argv[] = {program, option, config, NULL};

	(void)snprintf(
		program, sizeof(program), "%s/bin/mongosync", world->dir);
	for (unsigned i = 0; i < world->setup.members; i++) {
		(void)snprintf(
			config, sizeof(config), "%s", world->member[i].config);
		if (start_program(argv, world_path(world, "out.sync")) < 0)
			return err_sys(err, ERR_BUG, errno, "fork");
	}
	if (!world_await_state(world, "IDLE"))
		return err_set(err, ERR_BUG, "the syncs do not come up");
	for (unsigned i = 0; i < world->setup.members; i++)
		if (!api_post(world->member[i].port, "start",
			    "{\"source\":\"cluster0\","
			    "\"destination\":\"cluster1\"}"))
			return err_set(err, ERR_BUG, "a sync does not start");
	return world_await_state(world, "RUNNING") ||
	       err_set(err, ERR_BUG, "the syncs do not run");
}

static bool make_files(struct world *world, struct err *err)
{
	static const char *const dirs[] = {"root", "state", "bin", "log"};
	char binary[PATH_MAX];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(world_path(world, dirs[i]), 0700) != 0)
			return err_sys(err, ERR_BUG, errno, "making %s",
				world_path(world, dirs[i]));
	(void)snprintf(binary, sizeof(binary), "%s/tests/refsync/%s/mongosync",
		world->setup.build, WORLD_FROM);
	return copy_program(binary, world_path(world, "bin/mongosync"), err);
}

bool world_make(
	struct world *world, const struct world_setup *setup, struct err *err)
{
	char parent[PATH_MAX / 2 - 16];

	*world = (struct world){.setup = *setup};
	/* What is orphaned in here becomes our child. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return err_sys(err, ERR_BUG, errno, "becoming a subreaper");
	(void)snprintf(parent, sizeof(parent), "%.2000s/worlds", setup->build);
	(void)mkdir(parent, 0700);
	(void)snprintf(world->dir, sizeof(world->dir), "%s/sim.XXXXXX", parent);
	if (!mkdtemp(world->dir))
		return err_sys(err, ERR_BUG, errno, "making a world");
	(void)snprintf(world->syncup, sizeof(world->syncup),
		"%s/supervisor/syncup", setup->build);
	/* No dpkg-query: to ask it costs more than the rest of a lap. */
	(void)setenv("PATH", world->dir, 1);
	{
		char helper[PATH_MAX];

		(void)snprintf(helper, sizeof(helper), "%s/%s", setup->build,
			setup->database
				? "supervisor/helper/syncup-helper"
				: "tests/refsync/light_helper/light-helper");
		(void)setenv("SYNCUP_HELPER", helper, 1);
		(void)setenv(
			"REFSYNC_EFFECTS", world_path(world, "effects"), 1);
	}
	if (!make_files(world, err) || !make_clusters(world, err))
		return false;
	for (unsigned i = 0; i < setup->members; i++)
		if (!write_member(world, i, err))
			return false;
	return write_fleet(world, err) && start_members(world, err);
}

/* ---- ending ---- */

static void kill_children(void)
{
	char path[64];
	FILE *list;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		(int)getpid());
	list = fopen(path, "re");
	if (!list)
		return;
	while (fscanf(list, "%ld", &pid) == 1)
		(void)kill((pid_t)pid, SIGKILL);
	(void)fclose(list);
}

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

void world_end(struct world *world, bool keep)
{
	int64_t until = sys_monotonic_ms() + WORLD_PATIENCE_MS;

	/* Each one that dies hands its own children to us. */
	while (sys_monotonic_ms() < until) {
		kill_children();
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			break;
		world_nap();
	}
	for (unsigned i = 0; i < world->port_locks; i++)
		(void)unlink(world->port_lock[i]);
	if (world->dir[0] && !keep)
		(void)nftw(world->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
