import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readText, root } from './deployed-files.ts'

/** Instructions with continuation lines joined and remarks left out. */
const instructions = (path: string): string[] =>
  readText(path)
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')

const image = instructions('deploy/Dockerfile')
const runtime = image.slice(image.findLastIndex((line) => line.startsWith('FROM')))

describe('deploy/Dockerfile', () => {
  it('has two stages of one pinned image, for any architecture', () => {
    const from = image.filter((line) => line.startsWith('FROM'))
    expect(from).toHaveLength(2)
    expect(new Set(from.map((line) => line.split(' ')[1])).size).toBe(1)
    expect(from[0]).toMatch(/^FROM node:\d+\.\d+\.\d+-\w+-slim AS build$/)
    expect(readText('deploy/Dockerfile').replace(/^#.*$/gm, '')).not.toMatch(
      /amd64|arm64|x86|aarch|TARGETARCH|--platform/,
    )
  })

  it('leaves compilers and development packages behind', () => {
    expect(image.some((line) => line.includes('npm ci'))).toBe(true)
    expect(image.some((line) => line.includes('npm prune --omit=dev'))).toBe(true)
    expect(runtime.filter((line) => /apt-get|npm/.test(line))).toEqual([])
  })

  it('runs the program as an unprivileged user, with what tells others how to treat it', () => {
    expect(runtime).toContain('USER 1000:1000')
    expect(runtime.indexOf('VOLUME /data')).toBeGreaterThan(
      runtime.findIndex((line) => line.includes('/data') && line.startsWith('RUN')),
    )
    // Others can reach it, so it asks them who they are.
    expect(runtime.join('\n')).toMatch(/HOST=0\.0\.0\.0\s+REQUIRE_CREDENTIALS=true/)
    expect(runtime).toContain('STOPSIGNAL SIGTERM')
    expect(runtime.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true)
    const { bin } = JSON.parse(readText('package.json')) as { bin: { pairstream: string } }
    expect(runtime).toContain(`ENTRYPOINT ["node", "${resolve('/app', bin.pairstream)}"]`)
  })

  it('copies what the engine is given, which is what exists', () => {
    const given = readText('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = image
      .filter((line) => line.startsWith('COPY') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1))
    expect(copied.toSorted()).toEqual(given.toSorted())
    for (const path of given) expect(existsSync(resolve(root, path)), path).toBe(true)
  })
})
