#include "sync_client/privileges.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static bool is_system(const char *collection)
{
	return strncmp(collection, "system.", strlen("system.")) == 0;
}

/* Whether who may act on held may so on wanted. */
static bool covers(const json_t *held, const json_t *wanted)
{
	const char *db = text_of(held, "db"), *its = text_of(wanted, "db");
	const char *collection = text_of(held, "collection");
	const char *part = text_of(wanted, "collection");

	if (json_is_true(json_object_get(held, "anyResource")))
		return true;
	if (json_is_true(json_object_get(wanted, "cluster")))
		return json_is_true(json_object_get(held, "cluster"));
	if (!db || !collection || !its || !part)
		return false;
	if (db[0] && strcmp(db, its) != 0)
		return false;
	return collection[0] ? strcmp(collection, part) == 0 : !is_system(part);
}

static bool has_action(const json_t *actions, const char *wanted)
{
	const json_t *action;
	size_t i;

	json_array_foreach (actions, i, action) {
		const char *name = json_string_value(action);

		if (name && (strcmp(name, wanted) == 0 ||
				    strcmp(name, "anyAction") == 0))
			return true;
	}
	return false;
}

static bool may(const json_t *held, const char *action, const json_t *resource)
{
	const json_t *privilege;
	size_t i;

	json_array_foreach (json_object_get(held, "privileges"), i, privilege)
		if (has_action(json_object_get(privilege, "actions"), action) &&
			covers(json_object_get(privilege, "resource"),
				resource))
			return true;
	return false;
}

json_t *privileges_lacking(const json_t *held, const struct compat_need *need)
{
	json_t *lacking = json_array();
	json_t *action;
	size_t i, k;

	json_array_foreach (need->actions, i, action) {
		const json_t *resource;
		bool found = false;

		json_array_foreach (need->on, k, resource)
			found |= may(held, json_string_value(action), resource);
		if (!found)
			(void)json_array_append(lacking, action);
	}
	if (json_array_size(lacking) > 0)
		return lacking;
	json_decref(lacking);
	return NULL;
}

void privileges_place(const json_t *resource, char *ret_text, size_t size)
{
	const char *db = text_of(resource, "db");
	const char *collection = text_of(resource, "collection");

	if (!db || !collection)
		(void)snprintf(ret_text, size, "the cluster");
	else if (!db[0] && !collection[0])
		(void)snprintf(ret_text, size, "all databases");
	else if (!db[0])
		(void)snprintf(ret_text, size, "%s anywhere", collection);
	else if (!collection[0])
		(void)snprintf(ret_text, size, "database %s", db);
	else
		(void)snprintf(ret_text, size, "%s.%s", db, collection);
}

json_t *privileges_told(const json_t *status)
{
	const json_t *info = json_object_get(status, "authInfo");
	json_t *users = json_object_get(info, "authenticatedUsers");
	json_t *privileges =
		json_object_get(info, "authenticatedUserPrivileges");

	if (!json_is_array(users))
		return NULL;
	return json_pack("{s:b, s:O?}", "access_control",
		(int)(json_array_size(users) > 0), "privileges",
		json_is_array(privileges) ? privileges : NULL);
}
