/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "site_service.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <spork/analysis.h>
#include <spork/image.h>
#include <spork/request.h>
#include <spork/store.h>

#define IMAGES_MAX 64
#define BIAS_FIRST (UINT64_C(1) << 40)
#define BIAS_STEP (UINT64_C(1) << 33)

struct site_service {
	struct spork_analyser *analyser;
	struct spork_image *images[IMAGES_MAX];
	size_t image_count;
};

static struct site_service *make_service(void)
{
	struct site_service *service = calloc(1, sizeof(*service));

	if (service && spork_analyser_create(NULL, &service->analyser)) {
		free(service);
		return NULL;
	}
	return service;
}

static bool same_id(const struct spork_image *image, const struct spork_build_id *id)
{
	const struct spork_build_id *found = spork_image_build_id(image);

	return found && found->length == id->length && id->length <= sizeof(id->bytes) &&
	       memcmp(found->bytes, id->bytes, id->length) == 0;
}

/* The image of that build-id; opened images stay open, since the analyser keeps what it knows about them. */
static const struct spork_image *find_image(
	struct site_service *service, const char *path, const struct spork_build_id *id)
{
	struct spork_image *image = NULL;
	struct hb_error error = {0};

	for (size_t i = 0; i < service->image_count; i++) {
		if (same_id(service->images[i], id))
			return service->images[i];
	}
	if (service->image_count == IMAGES_MAX || path[0] != '/' ||
		spork_image_open(path, &image, &error))
		return NULL;
	if (!same_id(image, id)) {
		spork_image_close(image);
		return NULL;
	}
	service->images[service->image_count++] = image;
	return image;
}

struct context {
	struct spork_analysis_module modules[SPORK_CHAIN_FRAMES];
	size_t module_count;
	struct spork_analysis_frame frames[SPORK_CHAIN_FRAMES];
};

static size_t add_module(struct context *context, const struct spork_image *image)
{
	size_t at = 0;

	while (at < context->module_count && context->modules[at].image != image)
		at++;
	if (at == context->module_count) {
		context->modules[at].image = image;
		/* Code that is not position-independent names its addresses. */
		context->modules[at].bias =
			spork_image_lowest(image) ? 0 : BIAS_FIRST + at * BIAS_STEP;
		context->module_count++;
	}
	return at;
}

static bool describe(struct site_service *service, const struct spork_site_request *request,
	struct context *context)
{
	if (request->magic != SPORK_SITE_REQUEST_MAGIC || request->count < 2 ||
		request->count > SPORK_CHAIN_FRAMES || request->key[0] == 0)
		return false;
	for (uint32_t i = 0; i < request->count; i++) {
		const char *path = request->frames[i].path;
		const struct spork_image *image;

		if (!memchr(path, '\0', sizeof(request->frames[i].path)))
			return false;
		image = find_image(service, path, &request->frames[i].id);
		if (!image)
			return false;
		context->frames[i].module = add_module(context, image);
		context->frames[i].address = spork_image_lowest(image) + request->frames[i].offset;
	}
	return true;
}

void site_service_answer(struct site_service **service, const struct spork_site_request *request,
	struct spork_store *store)
{
	struct context context = {.module_count = 0};
	struct spork_analysis analysis;
	struct spork_store_entry *entry;
	struct hb_error error = {0};

	if (!*service)
		*service = make_service();
	if (!*service || !describe(*service, request, &context))
		return;
	if (spork_analyse_site((*service)->analyser,
		    &(struct spork_analysis_request){.modules = context.modules,
			    .module_count = context.module_count,
			    .frames = context.frames,
			    .frame_count = request->count},
		    &analysis, &error))
		return;
	entry = spork_store_find(store, request->key);
	/* What has been seen to work outweighs what could not be found. */
	if (entry && entry->converted == 0 && entry->verdict == SPORK_VERDICT_UNKNOWN &&
		analysis.verdict == SPORK_SITE_FORK && analysis.reason == SPORK_BECAUSE_NO_EXEC &&
		!analysis.exhausted && analysis.unresolved == 0)
		spork_store_set(entry, SPORK_VERDICT_FORK);
	spork_analysis_finish(&analysis);
}
