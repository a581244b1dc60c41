/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that people write: a decimal number and a unit, nothing before, between or after. Exact:
 * "1.5M" is 1500000 and "0.5us" is refused, because a result that had to be rounded is not what was
 * asked for.
 */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* One kind of number: what to call it, its units in the order of the sentence, the end of that
 * sentence. */
struct unit_kind {
	const char *what;
	const char *use; /* the units for people */
	struct unit units[16];
};

/* digits / 10^frac_digits, and what follows. */
struct decimal {
	uint64_t digits;
	unsigned frac_digits;
	const char *unit;
};

#define K  UINT64_C(1000)
#define KI UINT64_C(1024)

static const struct unit_kind kind_count = {
	.what = "number",
	.use = "k, M, G or none",
	.units = {{"", 1}, {"k", K}, {"K", K}, {"M", K *K}, {"G", K *K *K}},
};

static const struct unit_kind kind_bytes = {
	.what = "number of bytes",
	.use = "K, M, G (powers of 1024), kB, MB, GB (powers of 1000) or none",
	.units = {{"", 1}, {"B", 1}, {"k", KI}, {"K", KI}, {"M", KI *KI}, {"G", KI *KI *KI},
		{"KiB", KI}, {"MiB", KI *KI}, {"GiB", KI *KI *KI}, {"kB", K}, {"KB", K},
		{"MB", K *K}, {"GB", K *K *K}},
};

static const struct unit_kind kind_duration = {
	.what = "duration",
	.use = "us, ms, s, m, h or none for seconds",
	.units = {{"", K *K}, {"us", 1}, {"ms", K}, {"s", K *K}, {"m", 60 * K *K},
		{"h", 3600 * K *K}},
};

static const struct unit_kind kind_bps = {
	.what = "bit rate",
	.use = "k, M, G, kbps, Mbps, Gbps or none for bits per second",
	.units = {{"", 1}, {"k", K}, {"K", K}, {"M", K *K}, {"G", K *K *K}, {"bps", 1}, {"kbps", K},
		{"Kbps", K}, {"Mbps", K *K}, {"Gbps", K *K *K}},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Read digits[.digits]; no locale, no exponent, no hexadecimal. */
static int read_decimal(
	const char *text, const char *what, struct decimal *d, char *err, size_t errlen)
{
	const char *p = text;
	bool point = false;

	*d = (struct decimal){0};
	if (*p == '\0')
		return hr_error(err, errlen, -EINVAL, "a %s is expected, the text is empty", what);
	if (*p == '-' && is_digit(p[1]))
		return hr_error(
			err, errlen, -EINVAL, "\"%.40s\": a %s cannot be negative", text, what);
	if (!is_digit(*p))
		return hr_error(err, errlen, -EINVAL,
			"\"%.40s\" is not a %s; it must begin with a digit", text, what);
	for (;; p++) {
		if (*p == '.' && !point && is_digit(p[1])) {
			point = true;
			continue;
		}
		if (!is_digit(*p))
			break;
		if (__builtin_mul_overflow(d->digits, 10, &d->digits) ||
			__builtin_add_overflow(d->digits, (uint64_t)(*p - '0'), &d->digits))
			return hr_error(err, errlen, -EINVAL, "\"%.40s\": too many digits", text);
		d->frac_digits += point;
	}
	d->unit = p;
	return 0;
}

static int parse(
	const char *text, const struct unit_kind *kind, uint64_t *out, char *err, size_t errlen)
{
	const struct unit *u = NULL;
	unsigned __int128 v, scale = 1;
	struct decimal d;
	int rc = read_decimal(text, kind->what, &d, err, errlen);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < RTE_DIM(kind->units) && kind->units[i].name != NULL; i++)
		if (strcmp(d.unit, kind->units[i].name) == 0)
			u = &kind->units[i];
	if (u == NULL)
		return hr_error(err, errlen, -EINVAL, "\"%.40s\": unit %.20s is unknown; use %s",
			text, d.unit, kind->use);
	/* At most 20 digits fit into 64 bits, leading zeros aside: "0.000...0" must not overflow
	 * the scale. */
	if (d.frac_digits > 20)
		return hr_error(err, errlen, -EINVAL, "\"%.40s\": too many digits", text);
	for (unsigned i = 0; i < d.frac_digits; i++)
		scale *= 10;
	v = (unsigned __int128)d.digits * u->factor;
	if (v % scale != 0)
		return hr_error(err, errlen, -EINVAL, "\"%.40s\": that is not a whole number of %s",
			text,
			kind == &kind_duration ? "microseconds"
			: kind == &kind_bytes  ? "bytes"
			: kind == &kind_bps    ? "bits per second"
					       : "units");
	if (v / scale > UINT64_MAX)
		return hr_error(
			err, errlen, -EINVAL, "\"%.40s\": the %s is too large", text, kind->what);
	*out = (uint64_t)(v / scale);
	return 0;
}

int hr_parse_count(const char *text, uint64_t *out, char *err, size_t errlen)
{
	return parse(text, &kind_count, out, err, errlen);
}

int hr_parse_bytes(const char *text, uint64_t *out, char *err, size_t errlen)
{
	return parse(text, &kind_bytes, out, err, errlen);
}

int hr_parse_duration_us(const char *text, uint64_t *out, char *err, size_t errlen)
{
	return parse(text, &kind_duration, out, err, errlen);
}

int hr_parse_bps(const char *text, uint64_t *out, char *err, size_t errlen)
{
	return parse(text, &kind_bps, out, err, errlen);
}

int hr_parse_share(const char *text, double *out, char *err, size_t errlen)
{
	struct decimal d;
	int rc = read_decimal(text, "share", &d, err, errlen);
	double scale = 1;

	if (rc != 0)
		return rc;
	if (strcmp(d.unit, "%") == 0)
		scale = 100;
	else if (*d.unit != '\0')
		return hr_error(err, errlen, -EINVAL,
			"\"%.40s\": unit %.20s is unknown; use %% or none", text, d.unit);
	if (d.frac_digits > 20)
		return hr_error(err, errlen, -EINVAL, "\"%.40s\": too many digits", text);
	for (unsigned i = 0; i < d.frac_digits; i++)
		scale *= 10;
	if ((double)d.digits > scale)
		return hr_error(
			err, errlen, -EINVAL, "\"%.40s\": a share is at most 100%% or 1", text);
	*out = (double)d.digits / scale;
	return 0;
}
