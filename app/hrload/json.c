/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report as JSON. The `config` object holds every option by its YAML key, so that it is itself
 * a scenario: JSON is YAML, and `hrload run` takes it back.
 */
#include "options.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static json_t *json_value(const struct config *cfg, const struct option_row *row, enum side side)
{
	char text[CONFIG_TEXT];
	json_t *list;

	switch (row->type) {
	case OPTION_ADDRESS:
	case OPTION_GATEWAY:
		list = json_array();
		for (unsigned i = 0; option_text(cfg, row, side, i, text, sizeof(text)); i++)
			json_array_append_new(list, json_string(text));
		return list;
	case OPTION_BOOL:
	case OPTION_INVERTED:
		option_text(cfg, row, side, 0, text, sizeof(text));
		return json_boolean(strcmp(text, "true") == 0);
	case OPTION_COUNT:
	case OPTION_RATE:
	case OPTION_BYTES:
		option_text(cfg, row, side, 0, text, sizeof(text));
		/* JSON integers are signed: the largest seeds become text, which is read back as
		 * well. */
		if (strtoull(text, NULL, 10) <= INT64_MAX)
			return json_integer((json_int_t)strtoull(text, NULL, 10));
		return json_string(text);
	default:
		return option_text(cfg, row, side, 0, text, sizeof(text)) ? json_string(text)
									  : NULL;
	}
}

static void add_rows(
	json_t *into, const struct config *cfg, enum option_scope scope, enum side side)
{
	char key[40];

	for (unsigned i = 0; i < option_count; i++) {
		json_t *v;

		if (option_rows[i].scope != scope)
			continue;
		v = json_value(cfg, &option_rows[i], side);
		if (v != NULL)
			json_object_set_new(into, option_key(&option_rows[i], key, sizeof(key)), v);
	}
}

static json_t *json_config(const struct config *cfg)
{
	static const char *const names[] = {"client", "server"};
	static const enum option_scope scopes[] = {SCOPE_CLIENT, SCOPE_SERVER};
	json_t *o = json_object();

	add_rows(o, cfg, SCOPE_RUN, CLIENT);
	add_rows(o, cfg, SCOPE_ENDS, CLIENT);
	for (int s = 0; s < SIDES; s++) {
		json_t *side, *tcp;

		if (!(config_sides(cfg) & 1u << s))
			continue;
		side = json_object();
		tcp = json_object();
		add_rows(side, cfg, scopes[s], (enum side)s);
		add_rows(side, cfg, SCOPE_SIDE, (enum side)s);
		add_rows(tcp, cfg, SCOPE_TCP, (enum side)s);
		json_object_set_new(side, "tcp", tcp);
		json_object_set_new(o, names[s], side);
	}
	return o;
}

static void put(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

/* Rounded to what was measured: JSON reals otherwise show 17 digits. */
static void put_real(json_t *o, const char *key, double v, unsigned decimals)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*f", (int)decimals, v);
	json_object_set_new(o, key, json_real(strtod(text, NULL)));
}

static json_t *json_totals(const struct stats *s)
{
	json_t *o = json_object();

	put(o, "attempted", s->attempted);
	put(o, "established", s->established);
	put(o, "completed", s->completed);
	put(o, "failed", s->failed);
	put(o, "active", active_of(s));
	return o;
}

static json_t *json_server(const struct stats *s)
{
	json_t *o = json_object();

	put(o, "accepted", s->attempted);
	put(o, "requests", s->requests);
	put(o, "bad_requests", s->bad);
	put(o, "closed", s->completed);
	put(o, "failed", s->failed);
	put(o, "active", active_of(s));
	put(o, "body_bytes", s->body_bytes);
	return o;
}

static json_t *json_rates(const struct config *cfg, const struct result *r)
{
	const struct stats *a = cfg->role == ROLE_SERVER ? &r->begin.server : &r->begin.client;
	const struct stats *b = cfg->role == ROLE_SERVER ? &r->end.server : &r->end.client;
	double seconds = (double)(r->end.elapsed_us - r->begin.elapsed_us) / 1e6;
	double per = seconds > 0 ? 1 / seconds : 0;
	json_t *o = json_object();

	put_real(o, "cps", (double)(b->completed - a->completed) * per, 1);
	put_real(o, "rps", (double)(b->requests - a->requests) * per, 1);
	put_real(o, "gbps_rx", (double)(r->end.rx_bytes - r->begin.rx_bytes) * 8e-9 * per, 6);
	put_real(o, "gbps_tx", (double)(r->end.tx_bytes - r->begin.tx_bytes) * 8e-9 * per, 6);
	put_real(o, "seconds", seconds, 6);
	return o;
}

static json_t *json_latency(const struct result *r)
{
	json_t *all = json_object();

	for (int l = 0; l < LATENCIES; l++) {
		json_t *o = json_object();

		put(o, "p50", r->latency[l].p50);
		put(o, "p90", r->latency[l].p90);
		put(o, "p99", r->latency[l].p99);
		put(o, "p999", r->latency[l].p999);
		put(o, "max", r->latency[l].max);
		json_object_set_new(all, latency_names[l], o);
	}
	return all;
}

static json_t *json_drops(const struct result *r)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < hr_drop_count(); i++) {
		uint64_t n = 0;

		for (int s = 0; s < SIDES; s++)
			if (r->engine[s] != NULL)
				n += hr_engine_drop(r->engine[s], -1, i);
		if (n > 0)
			put(o, hr_drop_name(i), n);
	}
	return o;
}

static json_t *json_busy(const struct result *r)
{
	static const char *const names[] = {"client", "server"};
	json_t *o = json_object();

	for (int s = 0; s < SIDES; s++) {
		double share = busy_share(&r->begin, &r->end, (enum side)s);

		if (share < 0)
			json_object_set_new(o, names[s], json_null());
		else
			put_real(o, names[s], 100 * share, 1);
	}
	return o;
}

static int dump(json_t *o, const char *file, char *err, size_t errlen)
{
	bool out = strcmp(file, "-") == 0;
	FILE *f = out ? stdout : fopen(file, "w");
	int rc = -1;

	if (f != NULL) {
		rc = json_dumpf(o, f, JSON_INDENT(2));
		if (fputc('\n', f) == EOF || fflush(f) != 0)
			rc = -1;
		if (!out && fclose(f) != 0)
			rc = -1;
	}
	json_decref(o);
	if (rc != 0)
		return bad_input(err, errlen, "--json %s: %s; name a file that can be written",
			file, strerror(errno));
	return 0;
}

int report_json(const struct config *cfg, const struct result *r, char *err, size_t errlen)
{
	const struct stats *s = cfg->role == ROLE_SERVER ? &r->final.server : &r->final.client;
	json_t *o = json_object(), *errors = json_object();
	char verdict[HR_ERRLEN];

	json_object_set_new(o, "config", json_config(cfg));
	json_object_set_new(o, "totals", json_totals(s));
	json_object_set_new(o, "server", json_server(&r->final.server));
	json_object_set_new(o, "rates", json_rates(cfg, r));
	json_object_set_new(o, "latency_us", json_latency(r));
	put(o, "retransmits", r->final.retransmits);
	json_object_set_new(o, "drops", json_drops(r));
	for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++)
		put(errors, error_names[i], s->errors[i]);
	json_object_set_new(o, "errors", errors);
	json_object_set_new(o, "busy", json_busy(r));
	report_verdict(cfg, r, verdict, sizeof(verdict));
	json_object_set_new(o, "verdict", json_string(verdict));
	if (r->digest[0] != '\0')
		json_object_set_new(o, "sha256", json_string(r->digest));
	return dump(o, cfg->json, err, errlen);
}

char *report_config_text(const struct config *cfg)
{
	json_t *o = json_config(cfg);
	char *text = json_dumps(o, JSON_INDENT(2));

	json_decref(o);
	return text;
}

int report_config(const struct config *cfg, char *err, size_t errlen)
{
	return dump(json_config(cfg), cfg->json, err, errlen);
}
