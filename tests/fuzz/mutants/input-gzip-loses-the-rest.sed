# SPDX-License-Identifier: BSD-2-Clause
# what: of what gzip has unpacked, all behind the first 64 bytes is lost
# file: harness/input.c
# fuzz: trace
/^static bool decode_gzip/,/^}/s/^\tdecoder->frame_open = result != Z_STREAM_END;/\tdecoder->frame_open = result != Z_STREAM_END;\n\tif (input->end > 64)\n\t\tinput->end = 64;/
