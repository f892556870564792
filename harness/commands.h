/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands of `capacitor`. Each gets its own name as argv[0] and its arguments behind it, and returns the exit
 * status: 0; 1 when a run failed; 2 when what the user gave was wrong; 3 when this machine cannot. `--help` among
 * the arguments prints its help on stdout and returns 0.
 */
#ifndef HARNESS_COMMANDS_H
#define HARNESS_COMMANDS_H

#define COMMAND_OK          0
#define COMMAND_FAIL        1
#define COMMAND_USAGE       2
#define COMMAND_UNAVAILABLE 3

int alloc_check_command(int argc, char **argv);
int analyze_command(int argc, char **argv);
int asm_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int c2c_command(int argc, char **argv);
int codec_command(int argc, char **argv);
int coherence_command(int argc, char **argv);
int compare_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
int experiment_command(int argc, char **argv);
int gate_command(int argc, char **argv);
int layout_command(int argc, char **argv);
int list_command(int argc, char **argv);
int probes_command(int argc, char **argv);
int profile_command(int argc, char **argv);
int regress_command(int argc, char **argv);
int replay_command(int argc, char **argv);
int report_command(int argc, char **argv);
int simulate_command(int argc, char **argv);
int stat_command(int argc, char **argv);
int tidy_command(int argc, char **argv);
int timeline_command(int argc, char **argv);

#endif
