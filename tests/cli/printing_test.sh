#!/bin/sh
# Text reaches a terminal through cli/terminal/print.h alone, which escapes it: nothing else in cli/
# calls what writes to a stream. cli/terminal/ itself is where the bytes are written.
set -u
calls='(^|[^_[:alnum:]])(v?f?printf|v?dprintf|f?puts|f?putc|putchar|fwrite|perror|psignal)[[:space:]]*\('
files=$(find cli -name '*.[ch]' ! -path 'cli/terminal/*')
[ "$(echo "$files" | wc -l)" -gt 40 ] || { echo "the sources are not where this test looks"; exit 1; }
# What it looks for is found: else it would pass for ever.
echo '  printf("%s", name);' | grep -qE "$calls" || { echo "the pattern finds nothing"; exit 1; }
if grep -nE "$calls" $files; then
  echo "print these with print_text() or its kin, cli/terminal/print.h"
  exit 1
fi
echo "nothing but print.h prints in $(echo "$files" | wc -l) files"
