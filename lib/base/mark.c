/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers the dynamic mbuf field of mark.h. DPDK keeps the registry, so several engines of a
 * process share the field. */
#include "base/mark.h"

#include <errno.h>
#include <stdalign.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

int hr_mark_register(char *err, size_t errlen)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "headrace_mark",
		.size = sizeof(struct hr_mark),
		.align = alignof(struct hr_mark),
	};
	int off = rte_mbuf_dynfield_register(&field);

	RTE_BUILD_BUG_ON(sizeof(struct hr_mark) != 16 || alignof(struct hr_mark) != 8);
	if (off >= 0)
		return off;
	if (rte_errno == ENOENT)
		return hr_error(err, errlen, -ENOENT,
			"no room for 16 bytes of dynamic fields in struct rte_mbuf: other "
			"libraries of this "
			"process have registered all of them; drop one of them");
	return hr_error(err, errlen, -(rte_errno != 0 ? rte_errno : EINVAL),
		"the dynamic mbuf field \"%s\" cannot be registered: %s; start EAL before the "
		"engine",
		field.name, rte_strerror(rte_errno));
}
