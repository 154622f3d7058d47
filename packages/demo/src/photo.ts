/**
 * How is a chosen file made ready to be kept and sent?
 */

/** The longer side of a picture that is kept, in pixels: enough to see a crack, and a tenth of a camera's bytes. */
const longest = 1_600;

/**
 * The picture in the file; a large one is made smaller.
 *
 * @throws If the browser cannot show it.
 */
export async function pictureIn(file: File): Promise<Blob> {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) throw new Error('This file is no picture that this browser can show. Choose another one.');

  try {
    const scale = longest / Math.max(bitmap.width, bitmap.height);
    // The bytes are copied out of the file, because a picture that is kept must not depend on a file that a person may move.
    if (scale >= 1) return new Blob([await file.arrayBuffer()], { type: file.type });
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 });
  } finally {
    bitmap.close();
  }
}
