/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners of a worker, and the table of callback sets that connections refer to by a 16-bit
 * number. A callback set stays known for the life of the worker, because accepted connections
 * outlive their listener.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/worker.h"

int hr_app_add(struct hr_worker *w, const struct hr_app *app)
{
	const struct hr_app **apps;

	if (w->n_apps != 0 && w->apps[w->last_app] == app)
		return w->last_app;
	for (uint32_t i = 0; i < w->n_apps; i++) {
		if (w->apps[i] == app) {
			w->last_app = (uint16_t)i;
			return (int)i;
		}
	}
	if (w->n_apps > UINT16_MAX)
		return -ENOMEM;
	apps = realloc(w->apps, (w->n_apps + 1) * sizeof(*apps));
	if (apps == NULL)
		return -ENOMEM;
	w->apps = apps;
	w->last_app = (uint16_t)w->n_apps;
	apps[w->n_apps++] = app;
	return w->last_app;
}

/* A free slot of worker.services; slot 0 is never used: the listener table calls it nobody. 0 when
 * there is none. */
static uint32_t service_slot(struct hr_worker *w)
{
	struct hr_service *services;

	for (uint32_t i = 1; i < w->n_services; i++)
		if (!w->services[i].used)
			return i;
	if (w->n_services > UINT16_MAX)
		return 0;
	services = realloc(w->services, (w->n_services + 2) * sizeof(*services));
	if (services == NULL)
		return 0;
	w->services = services;
	if (w->n_services == 0)
		services[w->n_services++].used = false;
	services[w->n_services].used = false;
	return w->n_services++;
}

static int local_id(const struct hr_worker *w, const struct hr_ip *local, uint32_t *laddr_id)
{
	*laddr_id = 0;
	if (local == NULL || local->family == 0)
		return 0;
	*laddr_id = hr_laddr_find(w->ip, local->family, local->b);
	return *laddr_id == 0 ? -EADDRNOTAVAIL : 0;
}

int hr_worker_listen(struct hr_worker *w, const struct hr_ip *local, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_tcp_params *params)
{
	uint32_t laddr_id, slot;
	int rc, app_id, params_id = 0;

	if (port == 0 || app == NULL || app->on_data == NULL)
		return -EINVAL;
	if (params != NULL && hr_tcp_params_check(params, NULL, 0) < 0)
		return -EINVAL;
	rc = local_id(w, local, &laddr_id);
	if (rc < 0)
		return rc;
	app_id = hr_app_add(w, app);
	slot = service_slot(w);
	if (params != NULL)
		params_id = hr_tcp_params_add(&w->tcp, params);
	if (app_id < 0 || slot == 0 || params_id < 0)
		return -ENOSPC;
	rc = hr_listeners_add(w->listeners, laddr_id, port, (uint16_t)slot);
	if (rc < 0)
		return rc;
	w->services[slot] = (struct hr_service){.user = user,
		.laddr_id = laddr_id,
		.port = port,
		.app = (uint16_t)app_id,
		.params = (uint16_t)params_id,
		.used = true};
	return 0;
}

int hr_worker_unlisten(struct hr_worker *w, const struct hr_ip *local, uint16_t port)
{
	uint32_t laddr_id;
	int service;

	if (local_id(w, local, &laddr_id) < 0)
		return -ENOENT;
	service = hr_listeners_remove(w->listeners, laddr_id, port);
	if (service < 0)
		return service;
	w->services[service].used = false;
	return 0;
}

int hr_listen(struct hr_engine *e, const struct hr_ip *local, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_tcp_params *params)
{
	for (unsigned i = 0; i < e->n_workers; i++) {
		int rc = hr_worker_listen(e->worker[i], local, port, app, user, params);

		if (rc < 0) {
			/* All or none. */
			while (i-- > 0)
				must(hr_worker_unlisten(e->worker[i], local, port) == 0);
			return rc;
		}
	}
	return 0;
}

void hr_listen_free(struct hr_worker *w)
{
	hr_listeners_free(w->listeners);
	free(w->services);
	free(w->apps);
}
