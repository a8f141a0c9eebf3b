// Perfect mazes, with exactly one path between any two cells, and such mazes with loops.
//
// Rooms are the cells whose row and column are both odd. Passages lie between neighbouring rooms.

/**
 * @param {Maze} task its codes.
 * @param {number[]} shape rows and columns, both odd.
 * @param {Object} settings of the task: `kind`, `algorithm`, `openings`.
 * @param {Dice} dice random numbers.
 */
export function perfectMaze(task, shape, { kind, algorithm = "depth_first", openings = 0.1 }, dice) {
  const cells = new Uint8Array(shape[0] * shape[1]).fill(task.wall);
  const lattice = latticeOf(shape);
  const carve = algorithm === "wilson" ? wilson : depthFirst;
  carve(cells, task, lattice, dice);
  if (kind === "braided") openWalls(cells, task, lattice, openings, dice);
  const [start, end] = dice.order(lattice.rooms.length);
  cells[lattice.rooms[start]] = task.start;
  cells[lattice.rooms[end]] = task.end;
  return cells;
}

function latticeOf([rows, columns]) {
  const ways = new Map();
  for (let row = 1; row < rows; row += 2) {
    for (let column = 1; column < columns; column += 2) {
      const room = row * columns + column;
      const steps = [
        row > 1 && -columns,
        row < rows - 2 && columns,
        column > 1 && -1,
        column < columns - 2 && 1,
      ].filter(Boolean);
      ways.set(room, steps.map((step) => ({ passage: room + step, room: room + 2 * step })));
    }
  }
  return { rooms: [...ways.keys()], ways };
}

/** Go on from the last room to a new one at random; where there is none, go back. */
function depthFirst(cells, task, { rooms, ways }, dice) {
  const trail = [rooms[dice.below(rooms.length)]];
  cells[trail[0]] = task.floor;
  while (trail.length) {
    const fresh = ways.get(trail.at(-1)).filter((way) => cells[way.room] === task.wall);
    if (!fresh.length) {
      trail.pop();
      continue;
    }
    const { passage, room } = fresh[dice.below(fresh.length)];
    cells[passage] = cells[room] = task.floor;
    trail.push(room);
  }
}

/** From each room outside the maze walk at random until the maze is met; add the walk without its
 * loops (Wilson 1996). */
function wilson(cells, task, { rooms, ways }, dice) {
  cells[rooms[0]] = task.floor;
  for (const first of rooms) {
    const lastWay = new Map();
    for (let room = first; cells[room] === task.wall; room = lastWay.get(room).room) {
      const around = ways.get(room);
      lastWay.set(room, around[dice.below(around.length)]); // what a loop overwrites is left out
    }
    for (let room = first; cells[room] === task.wall; ) {
      const way = lastWay.get(room);
      cells[way.passage] = cells[room] = task.floor;
      room = way.room;
    }
  }
}

function openWalls(cells, task, { ways }, part, dice) {
  const passages = new Set([...ways.values()].flat().map((way) => way.passage));
  const walls = [...passages].filter((passage) => cells[passage] === task.wall);
  const count = Math.max(1, Math.floor(part * walls.length));
  for (const i of dice.order(walls.length).slice(0, count)) cells[walls[i]] = task.floor;
}
