// The tensors of a model, handed out by name, each once and only in the expected shape.

const MISFIT = "model.safetensors: does not fit config.json:";

export class Weights {
  /** @param {Map<string, {shape: number[], data: Float32Array}>} tensors as from `readTensors`. */
  constructor(tensors) {
    this.left = new Map(tensors);
  }

  /** @throws {Error} if there is no such tensor, or it has another shape. */
  take(name, shape) {
    const found = this.left.get(name);
    if (!found) throw new Error(`${MISFIT} ${name} is missing`);
    if (found.shape.join() !== shape.join()) {
      throw new Error(`${MISFIT} ${name} is ${found.shape.join("×")}, expected ${shape.join("×")}`);
    }
    this.left.delete(name);
    return found.data;
  }

  /** @throws {Error} if a tensor was not asked for. */
  requireAllTaken() {
    for (const name of this.left.keys()) throw new Error(`${MISFIT} ${name} belongs to no layer`);
  }
}
