/* hd_versions_image.h - the tables of hd_versions.h as one block of bytes, to be copied to where
   lanes read them. */
#ifndef HD_VERSIONS_IMAGE_H
#define HD_VERSIONS_IMAGE_H

#include "evm/hd_versions.h"

#ifdef __cplusplus
extern "C" {
#endif

/* hd_versions_image_sz: bytes of the image of v, a multiple of 256. */
uint64_t hd_versions_image_sz(const hd_versions *v);

/* hd_versions_image_put writes the image of v, hd_versions_image_sz(v) bytes, to out. Its pointers
   are those of an image that lies at address `at`, aligned to 16, which may be another memory's; it
   begins with its hd_versions. */
void hd_versions_image_put(uint8_t *out, const uint8_t *at, const hd_versions *v);

#ifdef __cplusplus
}
#endif

#endif
