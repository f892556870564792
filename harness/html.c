/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts and numbers in HTML; see html.h. */
#include "harness/html.h"

#include <string.h>

void html_escaped(FILE *out, const char *text)
{
	for (; text && *text; text++) {
		switch (*text) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc(*text, out);
		}
	}
}

void html_element(FILE *out, const char *name, const char *text)
{
	fprintf(out, "<%s>", name);
	html_escaped(out, text);
	fprintf(out, "</%.*s>\n", (int)strcspn(name, " "), name);
}

/* 12345678 -> 12.3 M */
void html_number(FILE *out, double number)
{
	static const char *const suffix[] = {"", " k", " M", " G", " T"};
	size_t i = 0;

	while ((number >= 1000 || number <= -1000) && i < 4) {
		number /= 1000;
		i++;
	}
	fprintf(out, "%.3g%s", number, suffix[i]);
}
