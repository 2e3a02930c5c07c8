#!/bin/sh
# A model as ONNX, before onnx's own checker and in onnxruntime. Usage: onnx_test.sh EXPORT
set -eu
here=$(dirname "$0")
if ! test -d "$here/node_modules/onnxruntime-web"; then
  echo "tests/interop/node_modules is missing: run tools/setup --test" >&2
  exit 1
fi
for activation in relu tanh sigmoid leaky_relu; do
  directory=$(mktemp -d)
  "$1" "$directory" "$activation"
  /usr/bin/python3 -c 'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)' \
    "$directory/model.onnx"
  printf '%s ' "$activation"
  node "$here/onnx_test.js" "$directory"
  rm -r "$directory"
done
