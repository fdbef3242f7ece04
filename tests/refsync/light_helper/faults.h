/*
 * faults.h - how the light helper is to misbehave.
 *
 * <cluster>/helper_faults.json, read for every question about that cluster:
 * {"hang_op":"digest","fail_op":"save","code":"again","delay_ms":100,"bytes":1}
 * hang_op never answers; fail_op answers with the code; delay_ms comes before
 * every answer, and in a save again before its second look; bytes is what a
 * summary says that the metadata has (-1: it does not say).  An unknown member
 * is ERR_CONFIG: a test with a misspelt fault would prove nothing.
 */
#ifndef LIGHT_HELPER_FAULTS_H
#define LIGHT_HELPER_FAULTS_H

#include <jansson.h>

#include "state/err.h"

bool faults_strike(
	const char *cluster, const char *op, struct err *err) WARN_UNUSED;
void faults_delay(const char *cluster);
/* Changes a summary's bytes, if it was told to. */
void faults_bytes(const char *cluster, json_t *summary);

#endif
