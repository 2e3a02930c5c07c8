// onnx_test.js DIRECTORY: evaluates model.onnx with onnxruntime and compares with outputs.f32.
'use strict';

const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-web');

const TOLERANCE = 1e-5;

function numbers(directory, name) {
  const bytes = fs.readFileSync(path.join(directory, name));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

// The greatest difference, of what is greater than 1 relative to it.
function apart(left, right) {
  if (left.length !== right.length) throw new Error(`${left.length} numbers, not ${right.length}`);
  return left.reduce((most, x, i) => Math.max(most, Math.abs(x - right[i]) / Math.max(1, Math.abs(right[i]))), 0);
}

async function main(directory) {
  ort.env.wasm.numThreads = 1;
  const model = new Uint8Array(fs.readFileSync(path.join(directory, 'model.onnx')));
  const session = await ort.InferenceSession.create(model);
  const rows = numbers(directory, 'rows.f32'), want = numbers(directory, 'outputs.f32');
  const features = new ort.Tensor('float32', rows, [200, rows.length / 200]);
  const got = await session.run({features});
  const off = apart(got.outputs.data, want);
  console.log(`${session.outputNames}: within ${off.toExponential(1)}`);
  if (!(off < TOLERANCE)) throw new Error(`outputs differ by ${off}`);
  if (got.probabilities) {
    for (let i = 0; i < 200; i++) {
      const row = got.probabilities.data.slice(3 * i, 3 * i + 3);
      if (Math.abs(row[0] + row[1] + row[2] - 1) > TOLERANCE) throw new Error(`row ${i} does not sum to 1`);
    }
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
