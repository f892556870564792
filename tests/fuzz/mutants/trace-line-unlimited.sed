# SPDX-License-Identifier: BSD-2-Clause
# what: a line of many blocks is read beyond the requests that were asked for
# file: harness/trace.c
# fuzz: trace
/^static bool parse_arc/,/^}/s/count = loader->requests_max - loader->trace->requests;/count = count < 1000 ? count : 1000;/
