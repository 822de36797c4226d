import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { COMMIT, hubServer, REPOSITORY, times } from '../models/hub/hub-server.ts'
import { tinyNetwork, tinyRepository } from '../models/hub/tiny-network.ts'
import { startCli } from './run-cli.ts'
import { runHere } from './run-here.ts'

const TOKEN = 'hf_secretOfTheTest'

const setUp = async () => {
  const [hub, folder] = [await hubServer(tinyRepository()), join(await temporaryFolder(), 'data')]
  return { hub, folder, environment: { DATA_DIR: folder, HF_ENDPOINT: hub.url, HF_TOKEN: TOKEN } }
}

describe('models pull', () => {
  it('tells of each file, where the model is and how it is used, and never the token', async () => {
    const { folder, environment, hub } = await setUp()
    const { status, stdout, stderr } = await runHere(['models', 'pull', REPOSITORY], environment)
    expect(stderr).toMatch(/✓ onnx\/model\.onnx: 0\.5 MB/)
    expect(stderr).toMatch(/✓ trial: all files open/)
    const place = join(folder, 'hub', ...REPOSITORY.split('/'), COMMIT)
    expect(stdout).toContain(`${REPOSITORY}@main is here: 4 files, 0.5 MB, fp32, licence apache-2.0.`)
    expect(stdout).toContain(`use it   BACKBONE_DIR=${place} pairstream serve`)
    expect(stdout + stderr).not.toContain(TOKEN)
    expect(hub.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    expect(status).toBe(0)

    // The line it prints pulls the same again, without a hub where that is asked for.
    const [, pinned = ''] = /pinned +pairstream (.*)/.exec(stdout) ?? []
    const again = await runHere([...pinned.split(' '), '--offline', '--json'], environment)
    expect(JSON.parse(again.stdout)).toMatchObject({ commit: COMMIT, folder: place, fetched: 0 })
    const requests = hub.requests.length
    const offline = await runHere(['models', 'pull', REPOSITORY], { ...environment, HF_HUB_OFFLINE: '1' })
    expect(offline.stdout).toContain('was here already, every file is as it was pulled')
    expect(hub.requests).toHaveLength(requests)
  })

  it('says why it waits', async () => {
    const { environment, hub } = await setUp()
    hub.misbehave(
      times(1, '/config.json', (_, response) => {
        response.writeHead(429, { 'retry-after': '0' }).end()
        return true
      }),
    )
    const { status, stderr } = await runHere(['models', 'pull', REPOSITORY], environment)
    expect(stderr).toContain('The hub answers 429 for config.json of owner/tiny-network. Trying again in 0.0 s.')
    expect(status).toBe(0)
  })

  it('leaves nothing of a model that is refused', async () => {
    const { environment, hub, folder } = await setUp()
    hub.announce('../escaped.json', { size: 3 })
    const { status, stdout, stderr } = await runHere(['models', 'pull', REPOSITORY, '--json'], environment)
    expect(JSON.parse(stderr)).toMatchObject({ code: 'model-unsafe' })
    expect(stdout).toBe('')
    expect(status).toBe(1)
    await expect(access(folder)).rejects.toThrow()
  })

  it.each([
    ['an unknown model', ['owner/none'], {}, 2, 'model-not-found'],
    ['a revision that is none', [`${REPOSITORY}@../main`], {}, 2, 'invalid-request'],
    ['a precision that is none', [REPOSITORY, '--precision', 'fp8'], {}, 2, 'usage'],
    ['a digest that is none', [REPOSITORY, '--sha256', 'abc'], {}, 2, 'usage'],
    ['nothing there offline', [REPOSITORY, '--offline'], {}, 2, 'model-not-found'],
    ['too small a bound', [REPOSITORY], { HUB_MAX_BYTES: '1000' }, 1, 'model-unsafe'],
  ])('ends for %s with its code', async (_, words, more, status, code) => {
    const { environment } = await setUp()
    const ended = await runHere(['models', 'pull', ...words], { ...environment, ...more })
    expect(ended.stderr).toContain(`[${code}]`)
    expect(ended.status).toBe(status)
  })

  it('ends with 3 where the hub wants to be left alone', async () => {
    const { environment, hub } = await setUp()
    hub.misbehave((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
      return true
    })
    const { status, stderr } = await runHere(['models', 'pull', REPOSITORY], environment)
    expect(stderr).toContain('[hub-unavailable]')
    expect(status).toBe(3)
  })

  it('that is interrupted keeps what it has, and the same command goes on', async () => {
    const { environment, hub } = await setUp()
    const half = tinyNetwork().length >> 1
    hub.misbehave(
      times(1, '/onnx/model.onnx', (_, response, file) => {
        response.writeHead(200, { 'content-length': file?.length ?? 0 }).write(file?.subarray(0, half))
        return true
      }),
    )
    const running = startCli(['models', 'pull', REPOSITORY], environment)
    await running.said(/▸ onnx\/model.onnx/)
    running.kill('SIGINT')
    const { status, stderr } = await running.ended
    expect(stderr).toContain('the same command goes on from there')
    expect(status).toBe(130)

    const { status: after } = await runHere(['models', 'pull', REPOSITORY], environment)
    expect(after).toBe(0)
    expect(hub.fetched().filter((path) => path === 'config.json')).toHaveLength(1)
    expect(hub.requests.at(-1)?.headers.range).toMatch(/^bytes=[1-9]/)
  })
})
