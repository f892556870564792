// SPDX-License-Identifier: BSD-2-Clause
//
// Asks Google Benchmark's library how it was built.
//
// The header cannot know, because the library is built apart from us (Debian's is a debug build), and no function of it
// tells. But its JSON reporter writes "library_build_type" into the context before the results, from inside the library:
// so we let it write a context, and read that.

#include "harness/benchmark_library.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <exception>
#include <sstream>
#include <string>

extern "C" bool benchmark_library_build_type(char *type, size_t type_bytes)
{
	static const char key[] = "\"library_build_type\": \"";

	try {
		benchmark::JSONReporter reporter;
		benchmark::BenchmarkReporter::Context context;
		std::ostringstream output, errors;

		reporter.SetOutputStream(&output);
		reporter.SetErrorStream(&errors);
		reporter.ReportContext(context);
		std::string text = output.str();
		size_t begin = text.rfind(key);
		if (begin == std::string::npos)
			return false;
		begin += std::strlen(key);
		size_t bytes = text.find('"', begin) - begin; // npos makes it huge
		if (bytes >= type_bytes || bytes > text.size() - begin)
			return false;
		std::memcpy(type, text.data() + begin, bytes);
		type[bytes] = '\0';
		return true;
	} catch (const std::exception &) {
		return false;
	}
}
