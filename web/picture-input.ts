/** Calls back with a picture that is chosen, dropped anywhere on the page, or pasted. */
export function onPicture(input: HTMLInputElement, overlay: HTMLElement, take: (picture: File) => void): void {
  const takeFirst = (files: FileList | undefined | null): void => {
    const picture = [...(files ?? [])].find((file) => file.type.startsWith('image/')) ?? files?.[0]
    if (picture !== undefined) take(picture)
  }

  input.addEventListener('change', () => {
    takeFirst(input.files)
    input.value = '' // so that choosing the same file again is a change again
  })

  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    overlay.hidden = false
  })
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) overlay.hidden = true // the window was left, not an element in it
  })
  addEventListener('drop', (event) => {
    overlay.hidden = true
    if (!hasFiles(event)) return
    event.preventDefault()
    takeFirst(event.dataTransfer?.files)
  })
  addEventListener('paste', (event) => {
    takeFirst(event.clipboardData?.files)
  })
}
