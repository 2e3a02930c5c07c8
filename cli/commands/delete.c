#include "cli/commands/delete.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/source.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/print.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"

static mesh_code print_deleted(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)arg;
  if (own->json) {
    return client_print_json(own, "millrace.v1.DeleteSeriesResponse",
                             (mesh_view){frame.data, frame.size_bytes}, err);
  }
  Millrace__V1__DeleteSeriesResponse *reply = mesh_message_unpack(
      &millrace__v1__delete_series_response__descriptor, frame.data, frame.size_bytes);
  if (reply == NULL) return client_bad_reply("DeleteSeriesResponse", err);
  char bars[NUMBERS_TEXT_MAX], variant[VARIANT_TEXT_MAX];
  numbers_count(reply->bars, bars);
  source_variant(reply->symbol, reply->prices, reply->session, variant);
  print_text(stdout, "%s %s, %s%s%s: %s %s deleted\n", reply->symbol, reply->timeframe,
             source_shown(reply->source), variant[0] != '\0' ? ", " : "", variant, bars,
             reply->bars == 1 ? "bar is" : "bars are");
  millrace__v1__delete_series_response__free_unpacked(reply, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code run_delete(client *own, mesh_error *err) {
  Millrace__V1__DeleteSeriesRequest request = MILLRACE__V1__DELETE_SERIES_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  return client_call(own, "/millrace.v1.DataService/Delete", &request.base, print_deleted, NULL,
                     err);
}

static bool is_yes(const char *answer) {
  return strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

// Before there is a loop: Ctrl-C ends the question as it ends any program.
static bool ask(const args *given) {
  char answer[16] = "";
  print_text(stderr, "Delete the stored series %s %s? [y/N] ", given->words[0], given->words[1]);
  if (fgets(answer, sizeof answer, stdin) == NULL) print_own(stderr, "\n");
  if (is_yes(answer)) return true;
  print_own(stderr, "nothing was deleted\n");
  return false;
}

int cmd_delete(const command *self, const args *given) {
  if (args_get(given, "yes") == NULL) {
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
      command_complain(self, "nobody can be asked here: --yes deletes without a question");
      return EXIT_CODE_USAGE;
    }
    if (!ask(given)) return EXIT_CODE_FAILED;
  }
  return client_main(self, given, run_delete);
}
