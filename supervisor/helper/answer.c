/*
 * answer.c - see answer.h.
 */
#include "supervisor/helper/answer.h"

#include <string.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"

static const struct {
	const char *word; /* between two programs of the same build */
	enum err_code code;
} codes[] = {
	{"again", ERR_AGAIN},
	{"step", ERR_STEP},
	{"missing", ERR_MISSING},
	{"held", ERR_HELD},
	{"decide", ERR_DECIDE},
	{"config", ERR_CONFIG},
	{"storage", ERR_STORAGE},
	{"memory", ERR_MEMORY},
	{"bug", ERR_BUG},
};

static const char *word_of(enum err_code code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].word;
	return "bug";
}

static enum err_code code_of(const char *word)
{
	for (size_t i = 0; word && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(word, codes[i].word) == 0)
			return codes[i].code;
	return ERR_NONE;
}

void answer_clean_text(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			*c = ' ';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = ' '; /* C1, which terminals obey, too */
}

json_t *answer_make(const json_t *id, json_t *result, struct err *why)
{
	if (result)
		return json_pack(
			"{s:O, s:b, s:o}", "id", id, "ok", 1, "result", result);
	scrub_in_place(why->msg, sizeof(why->msg));
	answer_clean_text(why->msg);
	return json_pack("{s:O, s:b, s:s, s:s}", "id", id, "ok", 0, "code",
		word_of(why->code), "error", why->msg);
}

bool answer_read(const char *op, json_int_t id, const char *line, size_t len,
	json_t **ret_result, struct err *err)
{
	_cleanup_json_ json_t *json = json_loadb(line, len, 0, NULL);
	const json_t *is = json_object_get(json, "id");
	const json_t *ok = json_object_get(json, "ok");
	json_t *result = json_object_get(json, "result");
	enum err_code code =
		code_of(json_string_value(json_object_get(json, "code")));
	const char *text = json_string_value(json_object_get(json, "error"));

	*err = (struct err){0};
	if (!json_is_integer(is) || json_integer_value(is) != id)
		return false;
	if (json_is_true(ok) && json_is_object(result)) {
		*ret_result = json_incref(result);
		return true;
	}
	if (!json_is_false(ok) || code == ERR_NONE)
		return false;
	(void)err_set(err, code, "%s", text ? text : op);
	scrub_in_place(err->msg, sizeof(err->msg));
	answer_clean_text(err->msg);
	return false;
}
