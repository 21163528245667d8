/*
 * poison_row - what becomes of a row for which a function returns an error: option "on-error" of its operator.
 *
 *     wsl_stream *parsed = wsl_process(lines, "parse", &parse);
 *     wsl_set_on_error(parsed, "side-output");
 *     wsl_to_files(wsl_side_output(parsed, WSL_POISON_ROWS), "dead letters", "out/dead", "json");
 *
 *   fail         the job fails (and restarts, if its strategy says so). The default, unless the job's option
 *                pipeline.on-error says skip
 *   skip         the row is left out, counted (metric poisonRows) and, the first few of each subtask, logged
 *   side-output  the same, and a row of the type below goes to side output "poison-rows"
 *
 * For functions of process (map, flat_map), filter, keyed_process and connected streams, while they handle a row; what fails in open,
 * finish or a timer fails the job. What the function emitted for the row before it failed is taken back, unless it was more than a
 * batch (some 500 rows); what it did to state and timers stays. A row that crashes the process cannot be skipped:
 * from the third TaskManager on that is lost without a checkpoint in between, the job's failure says so.
 *
 * Whether a row is poison is decided again when it is read again after a failure: with side outputs into files of a job with
 * checkpoints each poison row is there once.
 *
 *   name       of the operator
 *   subtask    that had the row, counted from 0
 *   split      number of the split the row came from, as in `wiesel late`; 0: not known
 *   ts         of the row; 0 if it has none
 *   reason     what the function said, or the status it returned
 *   row        as text, cut when it is longer than WSL_POISON_ROW_TEXT_MAX
 */
#pragma once
#include <wiesel/row.h>

#define WSL_POISON_ROWS "poison-rows"

enum { WSL_POISON_ROW_TEXT_MAX = 8 << 10 };

WSL_ROW(wsl_poison_row, (string, name), (int64, subtask), (int64, split), (timestamp, ts), (string, reason), (string, row));
