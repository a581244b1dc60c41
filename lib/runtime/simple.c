/* SPDX-License-Identifier: BSD-3-Clause */
/* One call from nothing to an engine: EAL, one port, one address, default settings. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* "198.18.0.1/24"; without a prefix length the whole address is the subnet. */
static int parse_address(const char *text, struct hr_addr_config *addr, char *err, size_t errlen)
{
	const char *slash = text != NULL ? strchr(text, '/') : NULL;
	char ip[64], *end;

	if (text == NULL)
		return hr_error(err, errlen, -EINVAL,
			"no address is given: write 198.18.0.1/24, for example");
	snprintf(ip, sizeof(ip), "%.*s", slash != NULL ? (int)RTE_MIN(slash - text, 63) : 63, text);
	int rc = hr_ip_parse(ip, &addr->first, err, errlen);

	if (rc < 0)
		return rc;
	unsigned most = addr->first.family == 4 ? 32 : 128;
	unsigned long prefix = slash != NULL ? strtoul(slash + 1, &end, 10) : most;

	if (slash != NULL && (!isdigit((unsigned char)slash[1]) || *end != '\0' || prefix > most))
		return hr_error(err, errlen, -EINVAL,
			"address %.60s: \"%.20s\" is not a prefix length from 0 to %u", text,
			slash + 1, most);
	addr->prefix_len = (uint8_t)prefix;
	addr->count = 1;
	return 0;
}

/* A port string that ends in a PCI address is the only kind that needs a scan of the bus; NULL for
 * all others. */
static const char *pci_address(const char *port)
{
	const char *word = port + strlen(port);
	unsigned domain, bus, device, function;
	int used = 0;

	while (word > port && !isspace((unsigned char)word[-1]) && word[-1] != ')')
		word--;
	if (sscanf(word, "%4x:%2x:%2x.%1u%n", &domain, &bus, &device, &function, &used) == 4 &&
		(word[used] == '\0' || word[used] == ','))
		return word;
	return NULL;
}

int hr_simple(const char *program, const char *port, const char *address, struct hr_engine **e,
	char *err, size_t errlen)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {0};
	struct hr_runtime_config runtime = {.program = program};
	const char *word = port != NULL ? pci_address(port) : NULL;
	char pci_text[32];
	const char *pci[2] = {pci_text, NULL};
	int rc;

	*e = NULL;
	rc = parse_address(address, &addr, err, errlen);
	if (rc < 0)
		return rc;
	if (word != NULL) {
		snprintf(pci_text, sizeof(pci_text), "%.*s", (int)strcspn(word, ","), word);
		runtime.pci = pci;
	}
	rc = hr_runtime_init(&runtime, NULL, 0, err, errlen);
	if (rc < 0)
		return rc;
	rc = hr_port_open(port, &cfg.ports[0], err, errlen);
	if (rc < 0)
		return rc;
	if (program != NULL)
		cfg.name = program;
	cfg.n_ports = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	return hr_engine_create(&cfg, e, err, errlen);
}
