/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts as declarations: which fields share lines and which must not, and why, said next to the struct.
 *
 *   LAYOUT_TOGETHER(type, first, last, why)        all from `first` to `last` lies in one pair of lines
 *   LAYOUT_WITHIN(type, first, last, lines, why)   ... in so many lines of 64 bytes
 *   LAYOUT_SPAN(type, first, last, bytes, why)     ... in so many bytes, wherever an object begins
 *   LAYOUT_APART(type, one, other, why)            no byte of one lies in a pair of lines with a byte of the other
 *   LAYOUT_OWN_LINES(type, why)                    objects of the type share no pair of lines with what lies beside them
 *   LAYOUT_FOREIGN(type, why)                      a library's type, whose layout matters and is not ours to choose
 *
 * Each is asserted where it stands, when it is compiled, and leaves a record in a section of the object file: `capacitor
 * layout` prints them beside the fields that it finds in the debug information. The records are constant data that no
 * other code looks at. A field may be one of a member ("budget.live_bytes").
 *
 * Where an object begins is known only for types that are aligned to a pair of lines: all but LAYOUT_SPAN want that.
 *
 *   layout_object(object, type)           an object was allocated, or carved out of a block
 *   layout_objects(object, type, bytes)   an array of such objects
 *   layout_block(object, type, bytes)     one such object, and what lies behind it in its block
 *
 * tell the coherence observatory, which then names lines by type and field; in other builds they are empty.
 */
#ifndef COMMON_LAYOUT_H
#define COMMON_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>

#include "common/atomics.h"

enum layout_kind {
	LAYOUT_IS_TOGETHER,
	LAYOUT_IS_WITHIN,
	LAYOUT_IS_SPAN,
	LAYOUT_IS_APART,
	LAYOUT_IS_OWN_LINES,
	LAYOUT_IS_FOREIGN,
};

struct layout_declaration {
	const char *type;
	const char *first; /* or one; NULL: it is about the whole type */
	const char *last;  /* or other */
	const char *why;
	const char *file;
	unsigned line;
	enum layout_kind kind;
	unsigned amount; /* lines or bytes */
};

/* The section holds pointers, because compilers align large objects as they like, and those would not lie side by side.
 * The linker makes the names of its ends. A file that is included twice, or by many, leaves as many records. */
extern const struct layout_declaration *const __start_capacitor_layout[] __attribute__((visibility("hidden")));
extern const struct layout_declaration *const __stop_capacitor_layout[] __attribute__((visibility("hidden")));

#define LAYOUT_LINE_BYTES 64

#define LAYOUT_END(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
/* The numbers of the line, or pair of lines, of a field's first and last byte. */
#define LAYOUT_FIRST_IN(unit, type, field) (offsetof(type, field) / (unit))
#define LAYOUT_LAST_IN(unit, type, field)  ((LAYOUT_END(type, field) - 1) / (unit))

#define LAYOUT_PASTE_(a, b) a##b
#define LAYOUT_PASTE(a, b)  LAYOUT_PASTE_(a, b)
/* The pointer that is always NULL has compilers describe the type in the debug information, whatever else uses it. */
#define LAYOUT_RECORD(kind, type, first, last, amount, why)                                                            \
	LAYOUT_RECORD_(__COUNTER__, kind, type, #type, first, last, amount, why)
#define LAYOUT_RECORD_(number, kind, type, name, first, last, amount, why)                                             \
	static const struct {                                                                                          \
		struct layout_declaration declaration;                                                                 \
		const type *described;                                                                                 \
	} LAYOUT_PASTE(layout_record_, number) = {{name, first, last, why, __FILE__, __LINE__, kind, amount}, NULL};   \
	static const struct layout_declaration *const LAYOUT_PASTE(layout_pointer_, number)                            \
		__attribute__((used, section("capacitor_layout"))) = &LAYOUT_PASTE(layout_record_, number).declaration

#define LAYOUT_ALIGNED(type)                                                                                           \
	static_assert(alignof(type) % LINE_PAIR_BYTES == 0, #type " is not aligned to a pair of lines, so that nobody knows " \
	                                                          "which of its fields share one")

#define LAYOUT_TOGETHER(type, first, last, why)                                                                        \
	LAYOUT_ALIGNED(type);                                                                                          \
	static_assert(offsetof(type, first) < LAYOUT_END(type, last) &&                                                \
	              LAYOUT_FIRST_IN(LINE_PAIR_BYTES, type, first) == LAYOUT_LAST_IN(LINE_PAIR_BYTES, type, last),    \
	              #type ": " #first " to " #last " do not lie together in one pair of lines (" why ")");           \
	LAYOUT_RECORD(LAYOUT_IS_TOGETHER, type, #first, #last, LINE_PAIR_BYTES / LAYOUT_LINE_BYTES, why)

#define LAYOUT_WITHIN(type, first, last, lines, why)                                                                   \
	LAYOUT_ALIGNED(type);                                                                                          \
	static_assert(offsetof(type, first) < LAYOUT_END(type, last) &&                                                \
	              LAYOUT_LAST_IN(LAYOUT_LINE_BYTES, type, last) - LAYOUT_FIRST_IN(LAYOUT_LINE_BYTES, type, first) < (lines), \
	              #type ": " #first " to " #last " do not lie within " #lines " lines (" why ")");                 \
	LAYOUT_RECORD(LAYOUT_IS_WITHIN, type, #first, #last, lines, why)

#define LAYOUT_SPAN(type, first, last, bytes, why)                                                                     \
	static_assert(offsetof(type, first) < LAYOUT_END(type, last) &&                                                \
	              LAYOUT_END(type, last) - offsetof(type, first) <= (bytes),                                       \
	              #type ": " #first " to " #last " do not lie within " #bytes " bytes (" why ")");                 \
	LAYOUT_RECORD(LAYOUT_IS_SPAN, type, #first, #last, bytes, why)

#define LAYOUT_APART(type, one, other, why)                                                                            \
	LAYOUT_ALIGNED(type);                                                                                          \
	static_assert(LAYOUT_LAST_IN(LINE_PAIR_BYTES, type, one) < LAYOUT_FIRST_IN(LINE_PAIR_BYTES, type, other) ||    \
	              LAYOUT_LAST_IN(LINE_PAIR_BYTES, type, other) < LAYOUT_FIRST_IN(LINE_PAIR_BYTES, type, one),      \
	              #type ": " #one " and " #other " share a pair of lines (" why ")");                              \
	LAYOUT_RECORD(LAYOUT_IS_APART, type, #one, #other, 0, why)

#define LAYOUT_OWN_LINES(type, why)                                                                                    \
	static_assert(alignof(type) % LINE_PAIR_BYTES == 0 && sizeof(type) % LINE_PAIR_BYTES == 0,                     \
	              #type " does not have its pairs of lines for itself (" why ")");                                 \
	LAYOUT_RECORD(LAYOUT_IS_OWN_LINES, type, NULL, NULL, 0, why)

#define LAYOUT_FOREIGN(type, why) LAYOUT_RECORD(LAYOUT_IS_FOREIGN, type, NULL, NULL, 0, why)

#if defined(COHERENCE)
#include "coherence/coherence.h"
#define layout_object(object, type)         coherence_object(object, sizeof(type), #type)
#define layout_objects(object, type, bytes) coherence_objects(object, bytes, sizeof(type), #type "[]")
#define layout_block(object, type, bytes)   coherence_object(object, bytes, #type)
#else
#define layout_object(object, type)         ((void)(object))
#define layout_objects(object, type, bytes) ((void)(object), (void)(bytes))
#define layout_block(object, type, bytes)   ((void)(object), (void)(bytes))
#endif

#endif
