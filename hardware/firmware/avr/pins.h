/* Where the lamp hangs on an Arduino Uno or Nano: the numbers that are printed on the board.
 *
 * Any of D2 to D13 will do. D0 and D1 are the serial port.
 */
#ifndef PINS_H
#define PINS_H

#define RED_PIN     9
#define AMBER_PIN  10
#define GREEN_PIN  11
#define BUZZER_PIN  6

#endif
