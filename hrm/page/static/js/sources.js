// Where models come from: the page's own server, the page's own file, or a folder dropped on it.

const CONFIG = "config.json", WEIGHTS = "model.safetensors";

/** The models that come with the page. A page that is one file holds them in an element. */
export class Sources {
  constructor() {
    const element = document.getElementById("data");
    this.data = element ? JSON.parse(element.textContent) : null;
  }

  /** The thought that the page was made to show; null: it was made to think. */
  recorded() {
    return this.data?.recorded ?? null;
  }

  /** The names of the models. */
  async names() {
    if (this.data) return this.data.models.map(({ name }) => name);
    return (await (await fetchFile("models.json")).json()).map(({ name }) => name);
  }

  /** The files of a model: its config as text, and its weights. */
  async files(name) {
    if (this.data) {
      const { config, weights } = this.data.models.find((model) => model.name === name);
      return { config, weights: fromBase64(weights) };
    }
    const models = await (await fetchFile("models.json")).json();
    const { folder } = models.find((model) => model.name === name);
    const [config, weights] = await Promise.all(
      [CONFIG, WEIGHTS].map((file) => fetchFile(`${folder}/${file}`)),
    );
    return { config: await config.text(), weights: await weights.arrayBuffer() };
  }
}

async function fetchFile(path) {
  const response = await fetch(path).catch(() => null);
  if (!response) throw new Error(`${path}: the server of this page does not answer; is it running?`);
  if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`);
  return response;
}

/** The bytes of a text in base64. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (symbol) => symbol.charCodeAt(0)).buffer;
}

/**
 * The model folder among files that were chosen or dropped.
 *
 * @param {File[]} files
 * @param {string} folder the name of the folder, if it is known.
 * @returns {Promise<{name: string, config: string, weights: ArrayBuffer}>}
 * @throws {Error} if a file is missing.
 */
export async function modelAmong(files, folder) {
  const [config, weights] = [CONFIG, WEIGHTS].map((name) => files.find((f) => f.name === name));
  for (const [file, name] of [[config, CONFIG], [weights, WEIGHTS]]) {
    if (!file) {
      throw new Error(`There is no ${name}. A model folder has ${CONFIG} and ${WEIGHTS}.`);
    }
  }
  return { name: folder, config: await config.text(), weights: await weights.arrayBuffer() };
}

/**
 * The files that were dropped: those of one folder, or loose ones.
 *
 * @returns {Promise<{files: File[], folder: string}>}
 */
export async function droppedFiles(transfer) {
  // All entries are asked for at once: after the first wait the browser gives none.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folder = entries.find((entry) => entry.isDirectory);
  if (!folder) return { files: [...transfer.files], folder: "dropped model" };
  const inside = await listed(folder);
  const files = inside.filter((entry) => entry.isFile);
  return { files: await Promise.all(files.map(fileOf)), folder: folder.name };
}

function listed(folder) {
  return new Promise((resolve, reject) => folder.createReader().readEntries(resolve, reject));
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
