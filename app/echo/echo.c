/* SPDX-License-Identifier: BSD-3-Clause */
/* An echo server: each byte comes back. Usage: echo PORT ADDRESS (echo net_tap0 198.18.0.1/24) */
#include <headrace.h>
#include <stdio.h>

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	size_t done = 0;

	for (unsigned i = 0; i < n; i++) {
		int64_t sent = hr_send(w, c, s[i].data, s[i].len);

		if (sent > 0)
			done += (size_t)sent;
		if (sent < (int64_t)s[i].len)
			break; /* the send buffer is full: the rest waits where it is */
	}
	return done;
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	hr_resume(w, c); /* offers the rest to on_data again */
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	hr_close(w, c);
}

int main(int argc, char **argv)
{
	static const struct hr_app echo = {
		.on_data = on_data, .on_writable = on_writable, .on_eof = on_eof};
	struct hr_ip any = {0};
	struct hr_engine *e;
	char err[HR_ERRLEN] = "usage: echo PORT ADDRESS";

	if (argc != 3 || hr_simple("echo", argv[1], argv[2], &e, err, sizeof(err)) < 0)
		return fprintf(stderr, "%s\n", err), 2;
	if (hr_listen(e, &any, 7, &echo, NULL, NULL) < 0)
		return fprintf(stderr, "echo: port 7 cannot be opened\n"), 2;
	return hr_engine_run(e) < 0;
}
