// SPDX-License-Identifier: BSD-2-Clause
//
// Google Benchmark as the front; see bench.h.
//
// Each repetition of each entry is registered as a benchmark of its own, in the order in which they are to run, with
// one iteration and manual time. So the repetitions are the outermost loop, which Google Benchmark's own repetitions
// cannot be; its random interleaving (--benchmark_enable_random_interleaving) works on top of that. The reporter below
// stands between: it numbers the repetitions, takes the library's suffixes off the names, keeps all runs for the JSON,
// and shows each on the console as it ends, in short.
//
// Files are made in memory and written whole or not at all, also those asked for by --benchmark_out. JSON and CSV are
// made after the last run: only then is it known which metrics were unavailable, and why, and which columns there are.

#include "harness/bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

extern "C" {
#include "harness/commands.h"
#include "harness/environment.h"
#include "harness/results.h"
#include "harness/steady.h"
}

namespace {

using benchmark::BenchmarkReporter;

// ---- What is going on ---------------------------------------------------------------------------------------------

// Which entry runs, and in which repetition: the reporter hears of each run right after it.
struct Progress {
	size_t entry = 0;
	unsigned repetition = 0;
	size_t failed = 0;
	std::string last_error;
	// What the JSON says besides the runs: the environment, what was asked for, and for each metric that was not to
	// be had "unavailable:<implementation>:<metric>" and the reason.
	std::map<std::string, std::string> context;

	std::unique_ptr<steady_tally, void (*)(steady_tally *)> tally{steady_tally_new(), steady_tally_free};

	// Points may lack a metric for different reasons.
	void lack(const std::string &implementation, const std::string &name, const std::string &reason)
	{
		std::string &reasons = context["unavailable:" + implementation + ":" + name];

		if (reasons.empty())
			reasons = reason;
		else if (reasons.find(reason) == std::string::npos)
			reasons += "; or: " + reason;
	}
};

void measure(benchmark::State &state, const bench_session *session, size_t entry, unsigned repetition,
             Progress *progress)
{
	metrics measured;
	char error[BENCH_ERROR_BYTES] = "", locks[METRICS_LOCKS_BYTES], verdict[STEADY_BYTES];
	bool done = false, steady;

	progress->entry = entry;
	progress->repetition = repetition;
	for (auto _ : state) {
		done = session->run(session->entries[entry].context, repetition, &measured, error);
		state.SetIterationTime(done ? measured.value[METRIC_NS_PER_OP] / 1e9 : 0);
	}
	if (!done) {
		progress->failed++;
		progress->last_error = error;
		state.SkipWithError(error);
		return;
	}
	metrics_locks_text(&measured, locks);
	steady = steady_metrics(&measured, verdict);
	steady_add(progress->tally.get(), session->entries[entry].name, &measured);
	state.SetLabel(std::string(locks) + (*locks && !steady ? "; " : "") + (steady ? "" : "steady: ") +
	               (steady ? "" : verdict));
	for (int i = 0; i < METRICS; i++) {
		const char *name = metric_info(static_cast<metric>(i))->name;

		if (measured.unavailable[i])
			progress->lack(session->entries[entry].implementation, name, measured.unavailable[i]);
		else
			state.counters[name] = measured.value[i];
	}
}

// ---- Names for the console -----------------------------------------------------------------------------------------

std::vector<std::string> parts_of(const std::string &name)
{
	std::vector<std::string> parts;
	std::istringstream stream(name);

	for (std::string part; std::getline(stream, part, '/');)
		parts.push_back(part);
	return parts;
}

// The parts that all names have in common are shown once, not in every line.
class ShortNames {
public:
	explicit ShortNames(const bench_session *session)
	{
		for (size_t i = 0; i < session->count; i++) {
			std::vector<std::string> parts = parts_of(session->entries[i].name);
			std::set<std::string> own(parts.begin(), parts.end()), both;

			if (i == 0) {
				common_ = own;
				order_ = parts;
				continue;
			}
			std::set_intersection(common_.begin(), common_.end(), own.begin(), own.end(),
			                      std::inserter(both, both.begin()));
			common_ = both;
		}
		if (session->count == 1) // then it would be all
			common_.erase("impl:" + std::string(session->entries[0].implementation));
	}

	std::string common() const
	{
		std::string text;

		for (const std::string &part : order_)
			if (common_.count(part))
				text += (text.empty() ? "" : "/") + part;
		return text;
	}

	std::string of(const std::string &name) const
	{
		std::string text;

		for (const std::string &part : parts_of(name))
			if (!common_.count(part))
				text += (text.empty() ? "" : "/") + part;
		return text.empty() ? name : text;
	}

private:
	std::set<std::string> common_;
	std::vector<std::string> order_;
};

// ---- The reporter --------------------------------------------------------------------------------------------------

// The metrics that a line on the console has room for.
const char *const console_metrics[] = {"ops_per_s", "hit_ratio", "latency_p99_ns", "allocations_per_op",
                                       "encoded_bytes", "codec_share_percent", "null_ns_per_op"};

enum class Format { console, json, csv };

class Reporter : public BenchmarkReporter {
public:
	Reporter(const bench_session *session, const Progress *progress, Format format)
		: session_(session), progress_(progress), format_(format), names_(session),
		  display_(benchmark::CreateDefaultDisplayReporter())
	{
	}

	bool ReportContext(const Context &context) override
	{
		Context shown = context;

		context_.emplace(context);
		if (format_ != Format::console)
			return true;
		shown.name_field_width = 10;
		for (size_t i = 0; i < session_->count; i++)
			shown.name_field_width =
				std::max(shown.name_field_width, names_.of(session_->entries[i].name).size());
		if (!names_.common().empty())
			std::cout << "All: " << names_.common() << std::endl;
		return display_->ReportContext(shown);
	}

	void ReportRuns(const std::vector<Run> &reports) override
	{
		for (Run run : reports) {
			run.run_name = benchmark::BenchmarkName();
			run.run_name.function_name = session_->entries[progress_->entry].name;
			run.family_index = static_cast<int64_t>(progress_->entry);
			run.per_family_instance_index = 0;
			run.repetition_index = progress_->repetition;
			run.repetitions = session_->repetitions;
			runs_.push_back(run);
			shorten(&run);
			if (format_ == Format::console)
				display_->ReportRuns({run});
		}
	}

	void Finalize() override
	{
		if (format_ == Format::console)
			display_->Finalize();
	}

	// All runs, in full. Call when all have ended.
	std::string text(Format format) const
	{
		std::unique_ptr<BenchmarkReporter> reporter = make(format);
		std::ostringstream output, errors;

		reporter->SetOutputStream(&output);
		reporter->SetErrorStream(&errors);
		reporter->ReportContext(*context_);
		reporter->ReportRuns(runs_); // all at once: CSV has the columns of those it is given first
		reporter->Finalize();
		return output.str();
	}

private:
	static std::unique_ptr<BenchmarkReporter> make(Format format)
	{
// The library has been about to remove this class for years.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
		if (format == Format::csv)
			return std::make_unique<benchmark::CSVReporter>();
#pragma GCC diagnostic pop
		if (format == Format::json)
			return std::make_unique<benchmark::JSONReporter>();
		return std::make_unique<benchmark::ConsoleReporter>(benchmark::ConsoleReporter::OO_None);
	}

	void shorten(Run *run) const
	{
		benchmark::UserCounters few;

		run->run_name.function_name = names_.of(run->run_name.function_name);
		for (const char *metric : console_metrics)
			if (run->counters.count(metric))
				few[metric] = run->counters.at(metric);
		run->counters = few;
		run->report_label.clear();
	}

	const bench_session *session_;
	const Progress *progress_;
	Format format_;
	ShortNames names_;
	BenchmarkReporter *display_; // the library's; it is never freed
	std::optional<Context> context_;
	std::vector<Run> runs_;
};

// ---- The context ---------------------------------------------------------------------------------------------------

// Keys that the library's own reporter writes.
const char *const own_keys[] = {"date", "host_name", "executable", "num_cpus", "mhz_per_cpu", "cpu_scaling_enabled",
                                "caches", "load_avg", "library_build_type"};

// The environment as it is before the first run (a run is load, too), and the facts of the session.
void gather_context(const bench_session *session, std::map<std::string, std::string> *context)
{
	// An experiment's runs all have the environment that was looked at once: looking takes longer than a short
	// window.
	const char *file = std::getenv("CAPACITOR_ENVIRONMENT");
	json_t *environment = file ? json_load_file(file, 0, nullptr) : nullptr;
	const char *key;
	json_t *value;

	if (!environment)
		environment = environment_json();

	json_object_foreach(environment, key, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		if (json_is_string(value))
			(*context)[key] = json_string_value(value);
		else if (text)
			(*context)[key] = text;
		std::free(text);
	}
	json_decref(environment);
	for (size_t i = 0; i < session->facts; i++)
		(*context)[session->fact[i].key] = session->fact[i].value;
	(*context)["repetitions"] = std::to_string(session->repetitions);
	for (const char *own : own_keys)
		context->erase(own);
}

// ---- Google Benchmark's options ------------------------------------------------------------------------------------

struct Flags {
	std::vector<std::string> passed;                     // to the library
	std::vector<std::pair<std::string, Format>> outs;    // files to write
	Format format = Format::console;
	bool list_only = false;
};

bool flag_value(const char *argument, const char *flag, std::string *value)
{
	size_t length = std::strlen(flag);

	if (std::strncmp(argument, flag, length) != 0 || (argument[length] != '=' && argument[length] != '\0'))
		return false;
	*value = argument[length] == '=' ? argument + length + 1 : "";
	return true;
}

// The library answers a wrong format with its help and exit status 0.
bool is_format(const bench_session *session, const char *argument, const std::string &format)
{
	if (format == "console" || format == "json" || format == "csv")
		return true;
	std::fprintf(stderr, "capacitor %s: %s: the formats are console, json, csv\n", session->command, argument);
	return false;
}

Format format_of(const std::string &name)
{
	return name == "json" ? Format::json : name == "csv" ? Format::csv : Format::console;
}

// Sorts out what the library must not do itself: it would not write whole files, nor number our repetitions.
bool read_flags(bench_session *session, Flags *flags)
{
	std::string out, out_format = "json", value;

	for (size_t i = 0; i < session->foreigns; i++) {
		const char *argument = session->foreign[i];

		if (flag_value(argument, "--benchmark_out", &out))
			continue;
		if (flag_value(argument, "--benchmark_out_format", &out_format)) {
			if (!is_format(session, argument, out_format))
				return false;
			continue;
		}
		if (flag_value(argument, "--benchmark_repetitions", &value)) {
			char *end;
			unsigned long repetitions = std::strtoul(value.c_str(), &end, 10);

			if (*end != '\0' || value.empty() || value[0] == '-' || repetitions < 1 || repetitions > 1000) {
				std::fprintf(stderr,
				             "capacitor %s: --benchmark_repetitions '%s': from 1 to 1000 is allowed\n",
				             session->command, value.c_str());
				return false;
			}
			session->repetitions = static_cast<unsigned>(repetitions);
			continue;
		}
		if (flag_value(argument, "--benchmark_list_tests", &value))
			flags->list_only = value != "false" && value != "0";
		if (flag_value(argument, "--benchmark_format", &value) && !is_format(session, argument, value))
			return false;
		if (flag_value(argument, "--benchmark_format", &value))
			flags->format = format_of(value);
		flags->passed.push_back(argument);
	}
	if (session->out)
		flags->outs.emplace_back(session->out, Format::json);
	if (!out.empty())
		flags->outs.emplace_back(out, format_of(out_format));
	// The environment may ask for repetitions as well; ours are registered one by one.
	flags->passed.push_back("--benchmark_repetitions=1");
	for (const auto &[path, format] : flags->outs)
		if (!flags->list_only && !bench_can_write(session->command, path.c_str()))
			return false;
	return true;
}

bool initialize(const bench_session *session, Flags *flags)
{
	std::vector<char *> arguments;
	static std::string program = "capacitor"; // the library keeps a pointer to it
	int count;

	arguments.push_back(program.data());
	for (std::string &flag : flags->passed)
		arguments.push_back(flag.data());
	count = static_cast<int>(arguments.size());
	arguments.push_back(nullptr);
	benchmark::Initialize(&count, arguments.data());
	if (count == 1)
		return true;
	std::fprintf(stderr, "capacitor %s: '%s' is no option of Google Benchmark; --benchmark_filter=REGEX, "
	             "--benchmark_list_tests, --benchmark_format=console|json|csv, --benchmark_out=FILE are the usual "
	             "ones\n",
	             session->command, arguments[1]);
	return false;
}

// ---- The run -------------------------------------------------------------------------------------------------------

void register_all(const bench_session *session, bool once, Progress *progress)
{
	for (unsigned repetition = 0; repetition < (once ? 1 : session->repetitions); repetition++)
		for (size_t i = 0; i < session->count; i++)
			benchmark::RegisterBenchmark(session->entries[i].name,
			                             [session, i, repetition, progress](benchmark::State &state) {
				                             measure(state, session, i, repetition, progress);
			                             })
				->UseManualTime()
				->Iterations(1)
				->Unit(benchmark::kNanosecond);
}

// On stderr, where it is in nobody's way. With a filter it is not known how many are left.
void tell_plan(const bench_session *session)
{
	std::fprintf(stderr, "capacitor %s: points: %zu, each measured %u times", session->command, session->count,
	             session->repetitions);
	if (session->expected_s > 0)
		std::fprintf(stderr, ", about %.0f s", session->expected_s * session->repetitions + 0.5);
	std::fputc('\n', stderr);
}

int finish(const bench_session *session, const Flags &flags, const Reporter &reporter, const Progress &progress)
{
	char error[BENCH_ERROR_BYTES];
	int status = progress.failed ? COMMAND_FAIL : COMMAND_OK;

	// Only now, or the console would begin with all of it.
	for (const auto &[key, value] : progress.context)
		benchmark::AddCustomContext(key, value);
	if (flags.format != Format::console)
		std::cout << reporter.text(flags.format);
	for (const auto &[path, format] : flags.outs) {
		std::string text = reporter.text(format);

		if (!results_write_file(path.c_str(), text.data(), text.size(), error, sizeof(error))) {
			std::fprintf(stderr, "capacitor %s: %s\n", session->command, error);
			status = COMMAND_FAIL;
		}
	}
	if (!std::cout.flush()) {
		std::fprintf(stderr, "capacitor %s: standard output could not be written\n", session->command);
		status = COMMAND_FAIL;
	}
	steady_print(stderr, progress.tally.get(), session->command);
	if (progress.failed)
		std::fprintf(stderr, "capacitor %s: runs that failed: %zu; the last: %s\n", session->command,
		             progress.failed, progress.last_error.c_str());
	return status;
}

int run(bench_session *session)
{
	Flags flags;
	Progress progress;

	if (!read_flags(session, &flags) || !initialize(session, &flags))
		return COMMAND_USAGE;
	register_all(session, flags.list_only, &progress);
	if (!flags.list_only && (!flags.outs.empty() || flags.format == Format::json))
		gather_context(session, &progress.context);
	if (!flags.list_only && benchmark::GetBenchmarkFilter().empty())
		tell_plan(session);

	Reporter reporter(session, &progress, flags.format);
	size_t matched = benchmark::RunSpecifiedBenchmarks(&reporter);

	if (matched == 0) {
		std::fprintf(stderr, "capacitor %s: the filter '%s' leaves nothing to run\n", session->command,
		             benchmark::GetBenchmarkFilter().c_str());
		return COMMAND_USAGE;
	}
	if (flags.list_only)
		return std::cout.flush() ? COMMAND_OK : COMMAND_FAIL;
	return finish(session, flags, reporter, progress);
}

} // namespace

extern "C" int bench_run(bench_session *session)
{
	int status;

	try {
		status = run(session);
	} catch (const std::exception &problem) {
		std::fprintf(stderr, "capacitor %s: %s\n", session->command, problem.what());
		status = COMMAND_FAIL;
	}
	benchmark::ClearRegisteredBenchmarks();
	benchmark::Shutdown();
	return status;
}
