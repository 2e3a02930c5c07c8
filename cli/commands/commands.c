#include "cli/commands/commands.h"

#include <string.h>

#include "cli/commands/call.h"
#include "cli/commands/config.h"
#include "cli/commands/data.h"
#include "cli/commands/delete.h"
#include "cli/commands/export.h"
#include "cli/commands/help.h"
#include "cli/commands/hosts.h"
#include "cli/commands/load.h"
#include "cli/commands/models.h"
#include "cli/commands/ops.h"
#include "cli/commands/show.h"
#include "cli/commands/status.h"
#include "cli/commands/strategy.h"
#include "cli/commands/train.h"
#include "cli/commands/up.h"
#include "cli/commands/watch.h"
#include "cli/patience.h"
#include "cli/source.h"
#include "cli/start_options.h"

#define WINDOW_FLAGS                                                            \
  {"from", "DATE", "the first bar: 2020-01-31 or 2020-01-31T09:00:00Z, UTC"}, { \
    "to", "DATE", "where it ends, exclusive"                                    \
  }

static const args_flag up_flags[] = {
    {"papergate-market", "DIR",
     "SYMBOL-TIMEFRAME.csv files for papergate; default: the sample market, where it is installed "
     "beside the programs, else only SYN... series"},
    {"gateway", "HOST:PORT", "a real IB Gateway or TWS instead of papergate"},
    {"listen", "ADDRESS",
     "a further address of the backend, such as 127.0.0.1:4710; every user of this machine can use "
     "a port"},
    {"log-level", "debug|info|warn|error", "of the programs that it starts; default: info"},
    {0},
};
static const args_flag status_flags[] = {
    {"wait", "SECONDS", "wait so long for a mesh that is healthy"},
    {0},
};
static const args_flag load_flags[] = {
    {"symbols", "FILE",
     "and the symbols of a file: the first field of each line; -: standard input"},
    WINDOW_FLAGS,
    {"mode", "tail|backfill|full|local",
     "tail: from the newest stored bar on; backfill: every gap from --from on; full: every gap "
     "from the source's first bar on, or from --from; local: no gateway is asked, what is missing "
     "is told"},
    {"dry-run", NULL, "only tell how many requests it would take, and how long at least"},
    {"refresh", NULL,
     "ask for every bar of the series again; the new ones replace it once all are there"},
    {"drop-missing", NULL,
     "where the source has other bars now, give up those of which it says nothing any more"},
    PATIENCE_FLAG,
    START_FLAGS,
    SERIES_FLAGS,
    {0},
};
static const args_flag watch_flags[] = {
    PATIENCE_FLAG,
    SERIES_FLAGS,
    {0},
};
static const args_flag show_flags[] = {
    WINDOW_FLAGS,
    {"last", "N", "only the last N bars; default: 500, or all of the window that is given"},
    {"rows", "N", "rows of the table below the chart; default: 8"},
    SERIES_FLAGS,
    {0},
};
static const args_flag gaps_flags[] = {
    WINDOW_FLAGS,
    {"all", NULL, "also what the source says it does not have, and closed markets"},
    SERIES_FLAGS,
    {0},
};
static const args_flag validate_flags[] = {
    WINDOW_FLAGS,
    SERIES_FLAGS,
    {0},
};
static const args_flag delete_flags[] = {
    {"yes", NULL, "do not ask; needed where nobody can be asked"},
    SERIES_FLAGS,
    {0},
};
static const args_flag export_flags[] = {
    WINDOW_FLAGS,
    {"out", "FILE", "write there, all or nothing, instead of to standard output"},
    SERIES_FLAGS,
    {0},
};
static const args_flag list_flags[] = {
    {"kind", "KIND", "only operations of this kind, such as load"},
    {"state", "running|cancelling|succeeded|failed|cancelled", "only those in this state"},
    {"label", "KEY=VALUE", "only those with this label; may be given several times"},
    {"from", "DATE", "only those that were started then or later"},
    {"to", "DATE", "only those that were started before"},
    {"limit", "N", "the newest N; default: 20"},
    {"after", "NAME", "the next page: what comes after this one"},
    {0},
};
static const args_flag ops_show_flags[] = {
    {"at", "SEQUENCE", "as it was after this event"},
    {0},
};
static const args_flag ops_watch_flags[] = {
    {"after", "SEQUENCE", "leave out what happened up to this event"},
    {"timing", NULL, "show how long each event took, layer by layer, and a table at the end"},
    {0},
};
static const args_flag drain_flags[] = {
    {"limit", "DURATION", "how long what runs may go on; default: 10s"},
    {0},
};
static const args_flag train_flags[] = {
    WINDOW_FLAGS,
    {"symbols", "A,B", "instead of the file's own"},
    {"timeframes", "1h,4h", "instead of the file's own"},
    {"epochs", "N", "instead of the file's own"},
    {"seed", "N", "of weights, order and dropout; default: 1"},
    {"device", "cpu|cuda", "default: a GPU where there is one"},
    {"precision", "fp32|bf16", "of the factors of products; bf16 is the CPU's; default: fp32"},
    {"warmup", "drop|zero", "rows in which a feature has no value yet: left out (default), or 0"},
    {"checkpoint-epochs", "N", "a checkpoint after so many epochs"},
    {"checkpoint-seconds", "N",
     "and after so many seconds; default: each epoch, at most each second"},
    START_FLAGS,
    SOURCE_FLAG,
    {0},
};
static const args_flag resume_flags[] = {START_FLAGS, {0}};
static const args_flag new_flags[] = {
    {"symbol", "SYMBOL", "default: EURUSD"},
    {"timeframe", "TIMEFRAME", "default: 1h"},
    {0},
};
static const args_flag model_flags[] = {
    {"version", "N", "default: the newest"},
    {0},
};
static const args_flag predict_flags[] = {
    WINDOW_FLAGS,
    {"version", "N", "default: the newest"},
    {"symbol", "SYMBOL", "default: the one that it learned from"},
    {"last", "N", "only the last N bars; default: 20, or all of the window that is given"},
    {"live", NULL, "then go on with live bars, until Ctrl-C"},
    SOURCE_FLAG,
    {0},
};
static const args_flag model_export_flags[] = {
    {"version", "N", "default: the newest"},
    {"format", "onnx|safetensors", "default: onnx"},
    {"out", "FILE", "where to write; default: NAME-VERSION.FORMAT"},
    {0},
};
static const args_flag call_flags[] = {
    {"address", "ADDRESS", "of any server of the mesh; default: the backend"},
    {0},
};

const command commands_all[] = {
    {"up", "", 0, 0, "the whole mesh on this machine, until Ctrl-C", up_flags,
     "Starts papergate (a simulated IB Gateway, unless --gateway names a real one), the IB host, "
     "the training host and the backend, waits until they are healthy, and starts again what dies.",
     cmd_up, false},
    {"status", "", 0, 0, "layers, hosts, gateway: health and round trips", status_flags,
     "Exit code 0 only if everything is healthy.", cmd_status, false},
    {"data load", "SYMBOL TIMEFRAME", 1, 2, "bring stored series up to date", load_flags,
     "Asks the gateway only for what is missing. Ctrl-C cancels the load, down to the gateway; "
     "what "
     "was stored stays. Several (AAPL,MSFT 1h,1d) are one operation, and each a load of its own "
     "below it.",
     cmd_load, false},
    {"data show", "SYMBOL TIMEFRAME", 2, 2, "a price chart and the last bars", show_flags, NULL,
     cmd_show, false},
    {"data list", "[SYMBOL]", 0, 1, "the stored series", NULL, NULL, cmd_list, false},
    {"data gaps", "SYMBOL TIMEFRAME", 2, 2, "what is missing in a stored series", gaps_flags, NULL,
     cmd_gaps, false},
    {"data validate", "SYMBOL TIMEFRAME", 2, 2, "what is odd in a stored series", validate_flags,
     "What is found is to be looked at, and is no error: a crash is a jump, too. The exit code is "
     "0.",
     cmd_validate, false},
    {"data delete", "SYMBOL TIMEFRAME", 2, 2, "remove a stored series", delete_flags,
     "All of it, at once: its bars, and what is known of them. Refused while a load or a training "
     "uses it.",
     cmd_delete, true},
    {"data export", "SYMBOL TIMEFRAME", 2, 2, "stored bars as CSV", export_flags, NULL, cmd_export,
     false},
    {"data search", "PATTERN", 1, 1, "instruments that the gateway knows", NULL, NULL, cmd_search,
     false},
    {"data watch", "SYMBOL TIMEFRAME", 2, 2, "live bars, until Ctrl-C", watch_flags,
     "Goes on where it was when the gateway or a host comes back.", cmd_watch, false},
    {"train", "STRATEGY.yaml", 1, 1, "train a network as a strategy file says", train_flags,
     "Shows each epoch as it ends. Ctrl-C stops within a step and keeps a checkpoint: go on with "
     "`millrace ops resume`. The model is kept under the strategy's name.",
     cmd_train, false},
    {"strategy validate", "STRATEGY.yaml", 1, 1, "check a strategy file", NULL, NULL,
     cmd_strategy_validate, false},
    {"strategy features", "STRATEGY.yaml", 1, 1, "the inputs of its network, in their order", NULL,
     NULL, cmd_strategy_features, false},
    {"strategy new", "", 0, 0, "a strategy file to begin with, on standard output", new_flags, NULL,
     cmd_strategy_new, false},
    {"models list", "[NAME]", 0, 1, "trained models, the newest first", NULL, NULL, cmd_models_list,
     false},
    {"models show", "NAME", 1, 1, "a model: its data, metrics and loss curve", model_flags, NULL,
     cmd_models_show, false},
    {"models compare", "NAME[:VERSION] NAME[:VERSION]...", 1, ARGS_WORDS_MAX,
     "metrics of several models, or of all versions of one", NULL, NULL, cmd_models_compare, false},
    {"models predict", "NAME", 1, 1, "what a model says of stored bars", predict_flags, NULL,
     cmd_models_predict, false},
    {"models export", "NAME", 1, 1, "a model as a file", model_export_flags, NULL,
     cmd_models_export, false},
    {"models delete", "NAME", 1, 1, "forget a model", model_flags, NULL, cmd_models_delete, true},
    {"ops list", "", 0, 0, "operations, the newest first", list_flags, NULL, cmd_ops_list, false},
    {"ops show", "[NAME]", 0, 1, "one operation; default: the newest", ops_show_flags, NULL,
     cmd_ops_show, false},
    {"ops watch", "[NAME]", 0, 1, "follow an operation to its outcome; default: the newest",
     ops_watch_flags, "Ctrl-C leaves; the operation goes on. `millrace ops cancel` stops it.",
     cmd_ops_watch, false},
    {"ops cancel", "NAME", 1, 1, "stop an operation and wait until it has stopped", NULL, NULL,
     cmd_ops_cancel, true},
    {"ops resume", "NAME", 1, 1, "go on with a training that was stopped, from its checkpoint",
     resume_flags, NULL, cmd_resume, false},
    {"ops delete", "NAME...", 1, ARGS_WORDS_MAX, "forget operations that have ended", NULL, NULL,
     cmd_ops_delete, true},
    {"ops events", "[NAME]", 0, 1, "what happened to an operation so far; default: the newest",
     NULL, NULL, cmd_ops_events, false},
    {"hosts list", "", 0, 0, "the host programs and what they are doing", NULL, NULL,
     cmd_hosts_list, false},
    {"hosts drain", "NAME", 1, 1, "empty a host and let it leave", drain_flags,
     "It takes no new work, finishes what runs, and ends; `millrace up` starts it again. No "
     "operation notices.",
     cmd_hosts_drain, true},
    {"call", "SERVICE/METHOD [JSON]", 1, 2, "any method: JSON in, JSON lines out", call_flags,
     "JSON is read from standard input where it is -. Without a package, millrace.v1 is meant.",
     cmd_call, false},
    {"config show", "", 0, 0, "each setting, its value and where it came from", up_flags, NULL,
     cmd_config, false},
    {"help", "[GROUP|COMMAND]", 0, 2, "this list, or what a command does", NULL, NULL, help_command,
     false},
    {"version", "", 0, 0, "the versions of millrace and of gRPC", NULL, NULL, help_version, false},
};
const size_t commands_count = sizeof commands_all / sizeof *commands_all;

bool commands_is_group(const char *word) {
  size_t size = strlen(word);
  for (size_t i = 0; i < commands_count; i++) {
    const char *name = commands_all[i].name;
    if (strncmp(name, word, size) == 0 && name[size] == ' ') return true;
  }
  return false;
}

// True if argv begins with the words of `name`; *words is how many they are.
static bool begins_with(int argc, char **argv, const char *name, int *words) {
  for (*words = 0; *name != '\0'; ++*words) {
    size_t size = strcspn(name, " ");
    if (*words == argc || strlen(argv[*words]) != size || memcmp(argv[*words], name, size) != 0) {
      return false;
    }
    name += size + (name[size] == ' ');
  }
  return true;
}

const command *commands_find(int argc, char **argv, int *words) {
  for (size_t i = 0; i < commands_count; i++) {
    if (begins_with(argc, argv, commands_all[i].name, words)) return &commands_all[i];
  }
  return NULL;
}
