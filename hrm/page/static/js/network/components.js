// Hidden states as colour: the first three principal components as red, green and blue.

const MOST_SAMPLES = 4000;
const ITERATIONS = 40;
const SPREAD = 2; // standard deviations from the mean to full colour

/**
 * @param {Float32Array[]} states (S, D) each; the components are those of all of them together, so
 *     that a colour means the same in each.
 * @param {number} width D.
 * @returns {Uint8Array[]} (S, 3) colours for each state.
 */
export function statesAsColours(states, width) {
  const { mean, covariance } = covarianceOf(states, width);
  const axes = [];
  for (let i = 0; i < 3; i++) axes.push(strongestAxis(covariance, width));
  return states.map((state) => colours(state, width, mean, axes));
}

function covarianceOf(states, width) {
  const cells = states[0].length / width;
  const every = Math.max(1, Math.floor((states.length * cells) / MOST_SAMPLES));
  const mean = new Float64Array(width);
  const covariance = new Float64Array(width * width);
  let count = 0;
  for (let sample = 0; sample < states.length * cells; sample += every) {
    const state = states[Math.floor(sample / cells)];
    const first = (sample % cells) * width;
    count++;
    for (let i = 0; i < width; i++) {
      mean[i] += state[first + i];
      for (let j = 0; j <= i; j++) covariance[i * width + j] += state[first + i] * state[first + j];
    }
  }
  for (let i = 0; i < width; i++) mean[i] /= count;
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      const value = covariance[i * width + j] / count - mean[i] * mean[j];
      covariance[i * width + j] = covariance[j * width + i] = value;
    }
  }
  return { mean, covariance };
}

/** The axis of the greatest variance, by power iteration; its part is taken out of the matrix. */
function strongestAxis(covariance, width) {
  let axis = Float64Array.from({ length: width }, (_, i) => Math.cos(i + 1));
  let variance = 0;
  for (let turn = 0; turn < ITERATIONS; turn++) {
    const next = new Float64Array(width);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) next[i] += covariance[i * width + j] * axis[j];
    }
    variance = Math.hypot(...next);
    axis = variance > 0 ? next.map((v) => v / variance) : axis;
  }
  const largest = axis.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
  if (largest < 0) axis = axis.map((v) => -v); // or colours would change sides by chance
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < width; j++) covariance[i * width + j] -= variance * axis[i] * axis[j];
  }
  return { axis, deviation: Math.sqrt(variance) };
}

function colours(state, width, mean, axes) {
  const out = new Uint8Array((state.length / width) * 3);
  for (let cell = 0; cell < state.length / width; cell++) {
    axes.forEach(({ axis, deviation }, channel) => {
      let place = 0;
      for (let i = 0; i < width; i++) place += (state[cell * width + i] - mean[i]) * axis[i];
      const share = 0.5 + (deviation > 0 ? place / (2 * SPREAD * deviation) : 0);
      out[cell * 3 + channel] = Math.round(255 * Math.min(1, Math.max(0, share)));
    });
  }
  return out;
}
