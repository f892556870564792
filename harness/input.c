/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, decompressed on the way; see input.h.
 *
 * Each decoder is one function that is given room in the window and moves input->end, or sets input->ended, or fails.
 * It is called again until the window is long enough, so it may return without having added anything.
 */
#include "harness/input.h"

#include <errno.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ENCODED_BYTES 65536

/* What xz may take to decode: its strongest preset needs 65 MiB; a damaged header may ask for 4 GiB. */
#define XZ_MEMORY_BYTES ((uint64_t)512 << 20)

struct input_decoder {
	FILE *file;
	bool (*decode)(struct input *input, char *error, size_t error_bytes);
	bool file_ended;
	bool frame_open; /* zstd, gzip: inside a frame or member: the file must not end here */
	lzma_stream xz;
	ZSTD_DStream *zstd;
	z_stream gzip;
	size_t begin, end; /* what of `encoded` is still to be decoded */
	unsigned char encoded[ENCODED_BYTES];
};

__attribute__((format(printf, 3, 4))) static bool fail(char *error, size_t error_bytes, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, error_bytes, format, arguments);
	va_end(arguments);
	return false;
}

/* Reads on when everything was decoded. */
static bool refill(struct input_decoder *decoder, char *error, size_t error_bytes)
{
	if (decoder->begin < decoder->end || decoder->file_ended)
		return true;
	decoder->begin = 0;
	decoder->end = fread(decoder->encoded, 1, sizeof(decoder->encoded), decoder->file);
	if (decoder->end == 0 && ferror(decoder->file))
		return fail(error, error_bytes, "cannot be read: %s", strerror(errno));
	decoder->file_ended = decoder->end == 0;
	return true;
}

static size_t room(const struct input *input)
{
	return INPUT_WINDOW_BYTES - input->end;
}

static bool decode_plain(struct input *input, char *error, size_t error_bytes)
{
	struct input_decoder *decoder = input->decoder;
	size_t bytes;

	if (!refill(decoder, error, error_bytes))
		return false;
	bytes = decoder->end - decoder->begin;
	if (bytes > room(input))
		bytes = room(input);
	memcpy(input->window + input->end, decoder->encoded + decoder->begin, bytes);
	decoder->begin += bytes;
	input->end += bytes;
	input->ended = decoder->file_ended;
	return true;
}

static bool decode_xz(struct input *input, char *error, size_t error_bytes)
{
	struct input_decoder *decoder = input->decoder;
	lzma_stream *xz = &decoder->xz;
	lzma_ret result;

	if (!refill(decoder, error, error_bytes))
		return false;
	xz->next_in = decoder->encoded + decoder->begin;
	xz->avail_in = decoder->end - decoder->begin;
	xz->next_out = input->window + input->end;
	xz->avail_out = room(input);
	result = lzma_code(xz, decoder->file_ended ? LZMA_FINISH : LZMA_RUN);
	decoder->begin = decoder->end - xz->avail_in;
	input->end = INPUT_WINDOW_BYTES - xz->avail_out;
	switch (result) {
	case LZMA_OK:
		return true;
	case LZMA_STREAM_END:
		input->ended = true;
		return true;
	case LZMA_BUF_ERROR:
		return fail(error, error_bytes, "is cut off: its xz data does not end");
	case LZMA_MEMLIMIT_ERROR:
		return fail(error, error_bytes, "needs more than %llu MiB to decompress (xz)",
		            (unsigned long long)(XZ_MEMORY_BYTES >> 20));
	case LZMA_MEM_ERROR:
		return fail(error, error_bytes, "no memory to decompress it (xz)");
	default:
		return fail(error, error_bytes, "is damaged: its xz data is invalid (liblzma error %d)", (int)result);
	}
}

static bool decode_zstd(struct input *input, char *error, size_t error_bytes)
{
	struct input_decoder *decoder = input->decoder;
	ZSTD_inBuffer in;
	ZSTD_outBuffer out;
	size_t result;

	if (!refill(decoder, error, error_bytes))
		return false;
	if (decoder->file_ended && !decoder->frame_open) {
		input->ended = true;
		return true;
	}
	in = (ZSTD_inBuffer){decoder->encoded + decoder->begin, decoder->end - decoder->begin, 0};
	out = (ZSTD_outBuffer){input->window + input->end, room(input), 0};
	result = ZSTD_decompressStream(decoder->zstd, &out, &in);
	if (ZSTD_isError(result))
		return fail(error, error_bytes, "is damaged: its zstd data is invalid (%s)", ZSTD_getErrorName(result));
	decoder->begin += in.pos;
	input->end += out.pos;
	decoder->frame_open = result != 0;
	if (decoder->file_ended && decoder->frame_open && out.pos == 0)
		return fail(error, error_bytes, "is cut off: its zstd data does not end");
	return true;
}

static bool decode_gzip(struct input *input, char *error, size_t error_bytes)
{
	struct input_decoder *decoder = input->decoder;
	z_stream *gzip = &decoder->gzip;
	size_t room_bytes = room(input);
	int result;

	if (!refill(decoder, error, error_bytes))
		return false;
	if (decoder->file_ended && !decoder->frame_open) {
		input->ended = true;
		return true;
	}
	if (!decoder->frame_open)
		inflateReset(gzip);
	gzip->next_in = decoder->encoded + decoder->begin;
	gzip->avail_in = (unsigned)(decoder->end - decoder->begin);
	gzip->next_out = input->window + input->end;
	gzip->avail_out = (unsigned)room_bytes;
	result = inflate(gzip, Z_NO_FLUSH);
	decoder->begin = decoder->end - gzip->avail_in;
	input->end += room_bytes - gzip->avail_out;
	decoder->frame_open = result != Z_STREAM_END;
	if (result == Z_BUF_ERROR && decoder->file_ended)
		return fail(error, error_bytes, "is cut off: its gzip data does not end");
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return fail(error, error_bytes, "is damaged: its gzip data is invalid (%s)",
		            gzip->msg ? gzip->msg : "zlib names no reason");
	return true;
}

/* Chooses the decoder by the file's first bytes, which are in decoder->encoded. */
static bool choose(struct input *input, char *error, size_t error_bytes)
{
	static const unsigned char xz_magic[] = {0xFD, '7', 'z', 'X', 'Z', 0};
	static const unsigned char zstd_magic[] = {0x28, 0xB5, 0x2F, 0xFD};
	static const unsigned char gzip_magic[] = {0x1F, 0x8B};
	struct input_decoder *decoder = input->decoder;
	const unsigned char *first = decoder->encoded;
	size_t bytes = decoder->end;

	decoder->decode = decode_plain;
	if (bytes >= sizeof(xz_magic) && memcmp(first, xz_magic, sizeof(xz_magic)) == 0) {
		input->compression = "xz";
		decoder->decode = decode_xz;
		if (lzma_stream_decoder(&decoder->xz, XZ_MEMORY_BYTES, LZMA_CONCATENATED) != LZMA_OK)
			return fail(error, error_bytes, "no memory to decompress it (xz)");
	} else if (bytes >= sizeof(zstd_magic) && memcmp(first, zstd_magic, sizeof(zstd_magic)) == 0) {
		input->compression = "zstd";
		decoder->decode = decode_zstd;
		decoder->zstd = ZSTD_createDStream();
		if (!decoder->zstd)
			return fail(error, error_bytes, "no memory to decompress it (zstd)");
	} else if (bytes >= sizeof(gzip_magic) && memcmp(first, gzip_magic, sizeof(gzip_magic)) == 0) {
		input->compression = "gzip";
		decoder->decode = decode_gzip;
		/* 16 + 15: a gzip header, and the largest window. */
		if (inflateInit2(&decoder->gzip, 16 + 15) != Z_OK)
			return fail(error, error_bytes, "no memory to decompress it (gzip)");
	}
	return true;
}

bool input_open(const char *path, struct input *input, char *error, size_t error_bytes)
{
	struct input_decoder *decoder = calloc(1, sizeof(*decoder));

	*input = (struct input){.window = malloc(INPUT_WINDOW_BYTES), .decoder = decoder};
	if (!decoder || !input->window) {
		input_close(input);
		return fail(error, error_bytes, "no memory to read it");
	}
	decoder->file = fopen(path, "rbe");
	if (!decoder->file) {
		fail(error, error_bytes, "cannot be opened: %s", strerror(errno));
		input_close(input);
		return false;
	}
	if (!refill(decoder, error, error_bytes) || !choose(input, error, error_bytes)) {
		input_close(input);
		return false;
	}
	return true;
}

bool input_fill(struct input *input, size_t bytes, char *error, size_t error_bytes)
{
	while (input_length(input) < bytes && !input->ended) {
		if (input->begin > 0) {
			memmove(input->window, input_data(input), input_length(input));
			input->end -= input->begin;
			input->begin = 0;
		}
		if (!input->decoder->decode(input, error, error_bytes))
			return false;
	}
	return true;
}

void input_close(struct input *input)
{
	struct input_decoder *decoder = input->decoder;

	if (decoder) {
		lzma_end(&decoder->xz);
		ZSTD_freeDStream(decoder->zstd);
		inflateEnd(&decoder->gzip); /* refuses, harmlessly, one that was not begun */
		if (decoder->file)
			fclose(decoder->file);
	}
	free(decoder);
	free(input->window);
	*input = (struct input){0};
}
