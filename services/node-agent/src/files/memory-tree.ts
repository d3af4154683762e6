/** A file tree in memory. Every change is a record, so that a journal can follow it and do it again. */

import type { Clock } from '@orrery/kit/clock.ts';
import { Content } from './content.ts';
import { FileError, type FileStat, type FileTree } from './file-system.ts';
import { joinPath, nameOf, parentOf } from './paths.ts';
import { PosixFiles, ROOT } from './posix-files.ts';
import type { Attributes, Ownership, RawFiles } from './raw-files.ts';
import type { SharedLog } from './shared-log.ts';
import type { ChangeListener, TreeChange } from './tree-change.ts';

interface TreeNode extends Ownership {
  modifiedAtMs: number;
  /** Of a directory. */
  children?: Map<string, TreeNode>;
  /** Of a file. */
  content?: Content;
  /** Of a symlink. */
  target?: string;
}

/** How much memory several trees may take together. */
export interface Budget {
  readonly totalBytes: number;
  usedBytes: number;
}

export interface MemoryTreeOptions {
  /** The cluster's clock. */
  clock: Clock;
  /** How much the tree may hold, however large it is said to be. */
  limitBytes: number;
  /** What it shares with other trees. */
  budget: Budget;
}

const NOTHING = new Uint8Array(0);
/** What a name costs beside its content, so that files without content are not for free. */
const ENTRY_BYTES = 256;
/** What a file system reports as the size of a directory. */
const DIRECTORY_SIZE_BYTES = 4_096;

/** The raw files of a tree. */
export class TreeFiles implements RawFiles {
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #mostBytes: number;
  #limitBytes: number;
  /** Content, and what its entries cost. */
  #usedBytes = 0;
  /** Of content alone. */
  #contentBytes = 0;
  readonly #root: TreeNode;
  /** Who keeps the changes; absent while they are done again. */
  onChange: ChangeListener | undefined;
  /** Where others change the tree, too; then nobody else keeps the changes. */
  shared: Pick<SharedLog, 'follow' | 'append'> | undefined;

  constructor({ clock, limitBytes, budget }: MemoryTreeOptions) {
    this.#clock = clock;
    this.#mostBytes = limitBytes;
    this.#limitBytes = limitBytes;
    this.#budget = budget;
    this.#root = { mode: 0o755, uid: 0, gid: 0, modifiedAtMs: clock.now(), children: new Map() };
  }

  find(path: string): FileStat | undefined {
    this.shared?.follow();
    const node = this.#nodeAt(path);
    return node === undefined ? undefined : statOf(node);
  }

  names(path: string): string[] {
    this.shared?.follow();
    return [...(this.#nodeAt(path)?.children?.keys() ?? [])];
  }

  read(path: string): Uint8Array {
    this.shared?.follow();
    return this.#nodeAt(path)?.content?.read() ?? NOTHING;
  }

  create(path: string, data: Uint8Array, ownership: Ownership, append = false): void {
    this.#reserve(path, entryBytes(path) + data.length);
    const at = this.#clock.now();
    // Who shares the tree may create it at the same moment: who appends replaces nothing.
    this.#make(
      append ? { do: 'append', path, at, create: ownership } : { do: 'write', path, at, ...ownership },
      data,
    );
  }

  write(path: string, data: Uint8Array, append: boolean): void {
    const node = this.#nodeAt(path);
    // Somebody else has removed it since it was found.
    if (node === undefined) throw new FileError('ENOENT', path);
    const { mode, uid, gid, content } = node;
    this.#reserve(path, data.length - (append ? 0 : (content?.sizeBytes ?? 0)));
    const at = this.#clock.now();
    this.#make(append ? { do: 'append', path, at } : { do: 'write', path, at, mode, uid, gid }, data);
  }

  makeDirectory(path: string, ownership: Ownership): void {
    this.#reserve(path, entryBytes(path));
    this.#make({ do: 'directory', path, at: this.#clock.now(), ...ownership });
  }

  symlink(path: string, target: string, ownership: Ownership): void {
    this.#reserve(path, entryBytes(path) + target.length);
    this.#make({ do: 'symlink', path, at: this.#clock.now(), target, ...ownership });
  }

  /** A device where a layer below has something that is not to be seen. */
  whiteout(path: string): void {
    this.#reserve(path, entryBytes(path));
    this.#make({ do: 'whiteout', path, at: this.#clock.now() });
  }

  remove(path: string): void {
    this.#make({ do: 'remove', path, at: this.#clock.now() });
  }

  rename(from: string, to: string): void {
    this.#make({ do: 'rename', path: from, at: this.#clock.now(), to });
  }

  setAttributes(path: string, attributes: Attributes): void {
    this.#make({ do: 'attributes', path, set: attributes });
  }

  /** How large the file system is said to be; more than it may hold is only shown. */
  setLimit(bytes: number): void {
    if (bytes !== this.#limitBytes) this.#make({ do: 'limit', bytes });
  }

  deviceOf(): unknown {
    return this;
  }

  isReadOnly(): boolean {
    return false;
  }

  isBusy(): boolean {
    return false;
  }

  space(): { totalBytes: number; usedBytes: number } {
    this.shared?.follow();
    return { totalBytes: this.#limitBytes, usedBytes: this.#contentBytes };
  }

  /** What the tree costs, in memory and at least so much in its journal. */
  get sizeBytes(): number {
    return this.#usedBytes;
  }

  /** Gives its share of the budget back: the tree is no longer used. */
  release(): void {
    this.#account(-this.#usedBytes, -this.#contentBytes);
  }

  /** Does a change that was kept. One that makes no sense here (a file was damaged) is left out. */
  apply(change: TreeChange, data: Uint8Array): void {
    if (change.do === 'limit') {
      this.#limitBytes = change.bytes;
      return;
    }
    if (change.do === 'clear') {
      this.#account(-this.#usedBytes, -this.#contentBytes);
      this.#root.children?.clear();
      return;
    }
    const { path } = change;
    if (change.do === 'attributes') {
      const node = this.#nodeAt(path);
      if (node !== undefined) Object.assign(node, change.set);
      return;
    }
    const parent = this.#nodeAt(parentOf(path));
    if (parent?.children === undefined || path === '/') return;
    this.#applyTo(parent as TreeNode & { children: Map<string, TreeNode> }, nameOf(path), change, data);
  }

  /** The changes that make this tree out of an empty one. */
  *snapshot(): Generator<[change: TreeChange, data: Uint8Array]> {
    yield [{ do: 'clear' }, NOTHING];
    yield [{ do: 'limit', bytes: this.#limitBytes }, NOTHING];
    yield* this.#changesBelow('/', this.#root);
  }

  *#changesBelow(path: string, directory: TreeNode): Generator<[TreeChange, Uint8Array]> {
    for (const [name, node] of directory.children ?? []) {
      const at = node.modifiedAtMs;
      const common = { path: joinPath(path, name), at, mode: node.mode, uid: node.uid, gid: node.gid };
      if (node.children !== undefined) {
        yield [{ do: 'directory', ...common }, NOTHING];
        yield* this.#changesBelow(common.path, node);
      } else if (node.target !== undefined) {
        yield [{ do: 'symlink', ...common, target: node.target }, NOTHING];
      } else if (node.content !== undefined) {
        yield [{ do: 'write', ...common }, node.content.read()];
      } else {
        yield [{ do: 'whiteout', path: common.path, at }, NOTHING];
      }
    }
    // What was put in has changed the time of the directory.
    const { mode, uid, gid, modifiedAtMs } = directory;
    yield [{ do: 'attributes', path, set: { mode, uid, gid, modifiedAtMs } }, NOTHING];
  }

  #make(change: TreeChange, data: Uint8Array = NOTHING): void {
    if (this.shared !== undefined && this.#share(this.shared, change, data)) return;
    this.apply(change, data);
    this.onChange?.(change, data);
  }

  /** False when the tree is gone for others: who still holds it writes for nobody. */
  #share(shared: Pick<SharedLog, 'append'>, change: TreeChange, data: Uint8Array): boolean {
    try {
      return shared.append({ head: change, body: data });
    } catch {
      throw new FileError('ENOSPC', 'path' in change ? change.path : '/');
    }
  }

  #applyTo(
    parent: TreeNode & { children: Map<string, TreeNode> },
    name: string,
    change: Exclude<TreeChange, { do: 'limit' | 'clear' | 'attributes' }>,
    data: Uint8Array,
  ): void {
    const { children } = parent;
    const present = children.get(name);
    if (change.do === 'append') {
      if (present === undefined && change.create !== undefined) {
        parent.modifiedAtMs = change.at;
        this.#add(children, name, newNode({ ...change, ...change.create, do: 'write' }, data));
        return;
      }
      if (present?.content === undefined) return;
      present.content.append(data);
      present.modifiedAtMs = change.at;
      this.#account(data.length, data.length);
      return;
    }
    if (change.do === 'write' && present?.content !== undefined) {
      this.#account(data.length - present.content.sizeBytes, data.length - present.content.sizeBytes);
      present.content = new Content(data);
      present.modifiedAtMs = change.at;
      return;
    }
    parent.modifiedAtMs = change.at;
    if (change.do === 'rename') {
      if (present === undefined) return;
      children.delete(name);
      this.#move(name, present, change.to, change.at);
      return;
    }
    this.#drop(name, present);
    children.delete(name);
    if (change.do !== 'remove') this.#add(children, name, newNode(change, data));
  }

  #move(name: string, node: TreeNode, to: string, at: number): void {
    const directory = this.#nodeAt(parentOf(to));
    this.#drop(name, node);
    if (directory?.children === undefined) return;
    const newName = nameOf(to);
    this.#drop(newName, directory.children.get(newName));
    directory.modifiedAtMs = at;
    this.#add(directory.children, newName, node);
  }

  #add(children: Map<string, TreeNode>, name: string, node: TreeNode): void {
    children.set(name, node);
    const [used, content] = costOf(name, node);
    this.#account(used, content);
  }

  #drop(name: string, node: TreeNode | undefined): void {
    if (node === undefined) return;
    const [used, content] = costOf(name, node);
    this.#account(-used, -content);
  }

  #account(used: number, content: number): void {
    this.#usedBytes += used;
    this.#contentBytes += content;
    this.#budget.usedBytes += used;
  }

  /** @throws FileError ENOSPC when there is no room for so much more. */
  #reserve(path: string, moreBytes: number): void {
    const { usedBytes, totalBytes } = this.#budget;
    const limitBytes = Math.min(this.#limitBytes, this.#mostBytes);
    const fits = this.#usedBytes + moreBytes <= limitBytes && usedBytes + moreBytes <= totalBytes;
    if (moreBytes > 0 && !fits) throw new FileError('ENOSPC', path);
  }

  #nodeAt(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root;
    if (path === '/') return node;
    for (const name of path.slice(1).split('/')) node = node?.children?.get(name);
    return node;
  }
}

function entryBytes(path: string): number {
  return ENTRY_BYTES + nameOf(path).length;
}

/** Of a node with everything below it: what it costs, and how much of that is content. */
function costOf(name: string, node: TreeNode): [usedBytes: number, contentBytes: number] {
  let contentBytes = node.content?.sizeBytes ?? 0;
  let usedBytes = ENTRY_BYTES + name.length + contentBytes + (node.target?.length ?? 0);
  for (const [childName, child] of node.children ?? []) {
    const [used, content] = costOf(childName, child);
    usedBytes += used;
    contentBytes += content;
  }
  return [usedBytes, contentBytes];
}

function newNode(
  change: Extract<TreeChange, { do: 'write' | 'directory' | 'symlink' | 'whiteout' }>,
  data: Uint8Array,
): TreeNode {
  const modifiedAtMs = change.at;
  if (change.do === 'whiteout') return { mode: 0, uid: 0, gid: 0, modifiedAtMs };
  const { mode, uid, gid } = change;
  const common = { mode, uid, gid, modifiedAtMs };
  if (change.do === 'directory') return { ...common, children: new Map() };
  if (change.do === 'symlink') return { ...common, target: change.target };
  return { ...common, content: new Content(data) };
}

function statOf({ mode, uid, gid, modifiedAtMs, children, content, target }: TreeNode): FileStat {
  const common = { mode, uid, gid, modifiedAtMs };
  if (children !== undefined) return { type: 'directory', ...common, sizeBytes: DIRECTORY_SIZE_BYTES };
  if (target !== undefined) return { type: 'symlink', ...common, sizeBytes: target.length, target };
  if (content !== undefined) return { type: 'file', ...common, sizeBytes: content.sizeBytes };
  return { type: 'device', ...common, sizeBytes: 0 };
}

/** A tree as the agent itself uses it: with a name, as root. */
export class MemoryTree extends PosixFiles implements FileTree {
  readonly name: string;
  /** What a container mounts. */
  readonly raw: TreeFiles;

  constructor(name: string, raw: TreeFiles) {
    super(raw, ROOT);
    this.name = name;
    this.raw = raw;
  }
}
