/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts and numbers in HTML. */
#ifndef HARNESS_HTML_H
#define HARNESS_HTML_H

#include <stdio.h>

/* A text, with what would be markup escaped. NULL: nothing. */
void html_escaped(FILE *out, const char *text);

/* <name>text</name>; name may have attributes ("td class=\"t\""). */
void html_element(FILE *out, const char *name, const char *text);

/* A number with a suffix: 12345678 gives 12.3 M. */
void html_number(FILE *out, double number);

#endif
