/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands in for libFuzzer: runs a fuzz target once over every file of a corpus directory, so that
 * what a fuzzer found once stays an ordinary test of every build. The oracle is the target's own:
 * it aborts. An empty corpus is a failure, for it would prove nothing.
 *
 *   replay_fuzz_NAME DIRECTORY
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target that needs EAL starts it here, once. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The bytes of a file in a block of exactly its size, so that ASan guards the end. */
static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (size_t)st.st_size;
		/* malloc(0) may be NULL; an empty input is a fine one. */
		data = malloc(*size > 0 ? *size : 1);
		if (data != NULL && fread(data, 1, *size, f) != *size) {
			free(data);
			data = NULL;
		}
	}
	fclose(f);
	return data;
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **files;
	const char *dir;
	char path[4096];
	int i, n, bad = 0;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
		return 2;
	}
	dir = argv[1];
	n = scandir(dir, &files, not_hidden, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s cannot be read: %s\n", dir, strerror(errno));
		return 1;
	}
	for (i = 0; i < n; i++) {
		size_t size = 0;
		uint8_t *data;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i]->d_name);
		/* Names the culprit when the target aborts. */
		printf("%s\n", path);
		fflush(stdout);
		data = read_file(path, &size);
		if (data == NULL) {
			fprintf(stderr, "%s is no readable file\n", path);
			bad++;
		} else {
			LLVMFuzzerTestOneInput(data, size);
			free(data);
		}
		free(files[i]);
	}
	free(files);
	printf("%d inputs replayed from %s, %d unreadable\n", n - bad, dir, bad);
	if (n == 0)
		fprintf(stderr,
			"%s holds no inputs: restore the corpus or make one with the fuzzer\n",
			dir);
	return n == 0 || bad > 0;
}
