/* SPDX-License-Identifier: BSD-2-Clause */
/* That values and their ledger recognise what is torn, another's, stale, or was never written. */
#include "values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 4

static void test_whole(void **state)
{
	unsigned char value[200];
	uint64_t version;

	(void)state;
	for (size_t bytes = 0; bytes < sizeof value; bytes++) {
		value_fill(value, bytes, 1, 77);
		assert_true(value_check(value, bytes, 1, &version));
		assert_int_equal(version, bytes < VALUE_VERSION_BYTES ? 0 : 77);
	}
}

/* Any byte that is another, and any word of another version, key, length or place. */
static void test_torn(void **state)
{
	unsigned char value[64], other[64];
	uint64_t version;

	(void)state;
	for (size_t at = 0; at < sizeof value; at++) {
		value_fill(value, sizeof value, 1, 77);
		value[at] ^= 1;
		assert_false(value_check(value, sizeof value, 1, &version));
	}
	for (size_t from = 0; from < sizeof value; from += 8) {
		value_fill(value, sizeof value, 1, 77);
		value_fill(other, sizeof other, 1, 78);
		memcpy(value + from, other + from, 8);
		assert_false(value_check(value, sizeof value, 1, &version));
		value_fill(value, sizeof value, 1, 77);
		memcpy(value + from, value + (from + 8) % sizeof value, 8);
		assert_false(value_check(value, sizeof value, 1, &version));
	}
	value_fill(value, sizeof value, 1, 77);
	assert_false(value_check(value, sizeof value - 1, 1, &version));
	assert_string_equal(value_fault(value, sizeof value - 1, KEYS), "is torn or mixed");
}

static void test_anothers(void **state)
{
	unsigned char value[64];
	uint64_t version;

	(void)state;
	value_fill(value, sizeof value, 2, 77);
	assert_false(value_check(value, sizeof value, 1, &version));
	assert_string_equal(value_fault(value, sizeof value, KEYS), "is another key's");
}

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

struct books {
	struct ledger *ledger;
	struct ledger_look *early, *late;
};

static int books_open(void **state)
{
	static struct books books;

	books.ledger = ledger_create(KEYS, 2);
	books.early = ledger_looks(books.ledger);
	books.late = ledger_looks(books.ledger);
	*state = &books;
	return 0;
}

static int books_close(void **state)
{
	struct books *books = *state;

	free(books->early);
	free(books->late);
	ledger_destroy(books->ledger);
	return 0;
}

static uint64_t write_version(struct ledger *ledger, unsigned writer)
{
	uint64_t version = ledger_begin(ledger, 1, writer);

	ledger_complete(ledger, 1, version);
	return version;
}

/* What a call has seen gone may not be found by calls that begin later, but by those that had begun. */
static void test_stale(void **state)
{
	struct books *books = *state;
	uint64_t old = write_version(books->ledger, 0), fresh;

	ledger_take_look(books->ledger, &books->early[1]);
	assert_true(ledger_written(books->ledger, &books->early[1]));
	fresh = ledger_begin(books->ledger, 1, 1);
	ledger_settle(books->ledger, &books->early[1], fresh); /* it overwrote what was there */
	ledger_complete(books->ledger, 1, fresh);
	assert_null(ledger_fault(books->ledger, &books->early[1], old));
	ledger_take_look(books->ledger, &books->late[1]);
	assert_non_null(ledger_fault(books->ledger, &books->late[1], old));
	assert_null(ledger_fault(books->ledger, &books->late[1], fresh));
	ledger_settle(books->ledger, &books->late[1], 0); /* a miss: it was evicted */
	ledger_take_look(books->ledger, &books->late[1]);
	assert_non_null(ledger_fault(books->ledger, &books->late[1], fresh));
}

/* Two writes at the same time may take effect in either order. */
static void test_overlap(void **state)
{
	struct books *books = *state;
	uint64_t one, two;

	ledger_take_look(books->ledger, &books->early[1]);
	one = ledger_begin(books->ledger, 1, 0);
	two = ledger_begin(books->ledger, 1, 1);
	ledger_settle(books->ledger, &books->early[1], one);
	ledger_complete(books->ledger, 1, one);
	ledger_settle(books->ledger, &books->early[1], two);
	ledger_complete(books->ledger, 1, two);
	ledger_take_look(books->ledger, &books->late[1]);
	assert_null(ledger_fault(books->ledger, &books->late[1], one));
	assert_null(ledger_fault(books->ledger, &books->late[1], two));
	ledger_settle(books->ledger, &books->late[1], two); /* somebody reads it: one came before */
	ledger_take_look(books->ledger, &books->late[1]);
	assert_non_null(ledger_fault(books->ledger, &books->late[1], one));
}

static void test_never_written(void **state)
{
	struct books *books = *state;
	uint64_t version = ledger_begin(books->ledger, 1, 0);

	ledger_take_look(books->ledger, &books->early[1]);
	assert_false(ledger_written(books->ledger, &books->early[1]));
	assert_null(ledger_fault(books->ledger, &books->early[1], version)); /* under way */
	ledger_void(books->ledger, 1, version);
	assert_non_null(ledger_fault(books->ledger, &books->early[1], version));
	assert_non_null(ledger_fault(books->ledger, &books->early[1], 0));
	assert_false(ledger_ever_written(books->ledger, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_anothers),
		cmocka_unit_test_setup_teardown(test_stale, books_open, books_close),
		cmocka_unit_test_setup_teardown(test_overlap, books_open, books_close),
		cmocka_unit_test_setup_teardown(test_never_written, books_open, books_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
