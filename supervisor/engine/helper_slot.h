/*
 * helper_slot.h - one helper process and the question that it has; private to
 * helper.c and helper_slot.c.
 */
#ifndef SUPERVISOR_ENGINE_HELPER_SLOT_H
#define SUPERVISOR_ENGINE_HELPER_SLOT_H

#include <event2/bufferevent.h>
#include <limits.h>
#include <sys/queue.h>

#include "supervisor/engine/helper.h"

#define SLOTS_MAX 4

struct question {
	STAILQ_ENTRY(question) next;
	json_int_t id;
	char op[32];
	char *line; /* with its newline; holds secrets */
	size_t len;
	int64_t timeout_ms;
	helper_fn *done;
	void *arg;
};
STAILQ_HEAD(questions, question);

enum slot_phase { /* of a process that has just been started */
	SLOT_GREETING, /* it is to say that it is there */
	SLOT_HELLO, /* it has the question that comes first */
	SLOT_READY,
};

struct slot {
	struct helpers *helpers;
	struct question *question; /* being answered, or to be asked */
	struct bufferevent *io; /* NULL: no helper, or it is ending */
	struct event *ended, *deadline;
	enum slot_phase phase;
	size_t noise; /* bytes that came before the greeting */
	pid_t pid; /* 0: reaped, or never started */
	int pidfd;
};

struct helpers {
	struct event_base *base;
	struct event *pump; /* hands waiting questions to free slots */
	struct questions waiting;
	struct helper_program program;
	struct question *hello; /* NULL: none */
	struct slot slot[SLOTS_MAX];
	json_int_t last_id;
	bool lost;
	char path[PATH_MAX];
	char *argv[2];
	char **env; /* of the helper; its words are borrowed */
};

void helpers_pump_soon(struct helpers *helpers);
void question_free(struct question *question);
/* The callback may ask, forget and free: nothing of ours is touched after. */
void question_answer(
	struct question *question, const json_t *result, const struct err *err);

bool slot_init(struct slot *slot, struct helpers *helpers);
void slot_done(struct slot *slot);
/* Takes over the question. */
void slot_ask(struct slot *slot, struct question *question);
/* It is reaped when the kernel says that it is gone. */
void slot_kill(struct slot *slot);

#endif
