/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of the cache, as the runtime opens them: never through a link, only where the folder and
 * the file belong to the effective user and nobody else may write them. No descriptor stays open.
 */
#ifndef SPORK_FILES_H
#define SPORK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_PATH_BYTES 1024

/* The cache folder's path with @rest behind, or the run's folder's. False if it is too long. */
bool files_cache_path(char path[FILES_PATH_BYTES], const char *rest);
bool files_run_path(char path[FILES_PATH_BYTES], const char *rest);

/* Map @size_bytes of the file shared; MAP_FAILED if it is not trusted or shorter. */
void *files_map(const char *path, size_t size_bytes, bool writable);
/* From a multiple of the page size on. */
void *files_map_part(const char *path, uint64_t offset, size_t size_bytes, bool writable);

/* A descriptor of the folder, or -errno. */
int files_open_folder(const char *path);

/* Send a request (spork/request.h) to the run's helper. Never blocks; what cannot be sent is lost. */
void files_ask(const void *request, size_t size_bytes);

#endif
