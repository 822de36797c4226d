import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { createInstallation } from '../servers/role-processes.ts'
import { createCrew } from '../servers/faults/crew.ts'

it('takes for a kill of its own only what it has killed', async () => {
  // Nobody answers there: the process waits, and lives.
  const nobody = 'http://127.0.0.1:9'
  const servers = { kafka: '127.0.0.1:9', registry: nobody, minio: nobody, mlflow: nobody, index: nobody }
  const installation = await createInstallation({}, servers)
  onTestFinished(() => installation.stop())
  const crew = await createCrew(installation, await temporaryFolder(), [{ name: 'embed', roles: ['embed'] }])

  await crew.start('embed')
  await expect(crew.kill('embed')).resolves.toBeUndefined()
  expect(crew.endedByThemselves()).toEqual([])
  await expect(crew.kill('embed')).rejects.toThrow('embed ended by itself with SIGKILL')

  await crew.start('embed')
  const { pid, ended } = crew.process('embed')
  process.kill(pid, 'SIGSEGV')
  await ended
  expect(crew.endedByThemselves()).toEqual([expect.stringContaining('embed ended by itself')])
  await expect(crew.kill('embed')).rejects.toThrow('embed ended by itself with SIGSEGV')
})
